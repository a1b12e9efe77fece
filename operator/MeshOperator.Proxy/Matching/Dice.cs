using System.Security.Cryptography;

namespace MeshOperator.Proxy.Matching;

/// <summary>Random numbers.</summary>
internal static class Dice
{
    /// <summary>Any number.</summary>
    public static ulong Next()
    {
        Span<byte> bytes = stackalloc byte[sizeof(ulong)];
        RandomNumberGenerator.Fill(bytes);
        return BitConverter.ToUInt64(bytes);
    }

    /// <summary>A number below <paramref name="bound"/>.</summary>
    public static int Below(int bound) => (int)(Next() % (ulong)bound);

    /// <summary>At least 0 and below 1.</summary>
    public static double Fraction() => (Next() >> 11) * (1.0 / (1UL << 53));
}
