using System.Globalization;

namespace MeshOperator.Xds.Resources;

/// <summary>Numbers that say whether two replicas serve the same.</summary>
internal static class Fingerprints
{
    /// <summary>Of resources in any order.</summary>
    public static ulong Combine(IEnumerable<XdsResource> resources)
    {
        ulong sum = 0;
        foreach (var resource in resources)
            sum += Mix(FromHex(resource.Version) + (ulong)resource.Type);
        return sum;
    }

    /// <summary>Of hashes in any order, each in hexadecimal digits.</summary>
    public static ulong Combine(IEnumerable<string> hashes) => hashes.Aggregate(0UL, (sum, hash) => sum + Mix(FromHex(hash)));

    private static ulong FromHex(string hash) => ulong.Parse(hash.AsSpan(0, 16), NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    /// <summary>Spreads each number over all bits, so that sums of different sets differ.</summary>
    private static ulong Mix(ulong value)
    {
        value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
        value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
        return value ^ (value >> 31);
    }
}
