using System.Globalization;
using System.Security.Cryptography;

namespace MeshOperator.Proxy.Tests.Support;

/// <summary>Loopback addresses that no other test uses, so that each pod has all of its ports.</summary>
internal static class Loopback
{
    private static readonly int Start = RandomNumberGenerator.GetInt32(1 << 20);
    private static int _count;

    /// <summary>One more address.</summary>
    public static string Next()
    {
        var number = (Start + Interlocked.Increment(ref _count)) % (1 << 20);
        return string.Create(CultureInfo.InvariantCulture, $"127.{96 + (number >> 16)}.{(number >> 8) & 0xFF}.{1 + (number & 0x7F)}");
    }
}
