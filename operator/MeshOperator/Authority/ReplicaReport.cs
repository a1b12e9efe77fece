using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace MeshOperator.Authority;

/// <summary>What a replica reports to the leader about its proxies, small enough for an annotation with 20,000 of them.</summary>
/// <param name="Epoch">The state that the replica serves.</param>
/// <param name="Done">Of each proxy that has what that state gives it, 8 bytes of a hash of its node id.</param>
/// <param name="Waiting">Proxies that are connected and have not, the first of them by name, as the status names the first of all, and
/// why.</param>
internal sealed record ReplicaReport(long Epoch, byte[] Done, IReadOnlyDictionary<string, string> Waiting)
{
    private const int HashLength = 8;
    private const int MostNamed = 20;
    private HashSet<ulong>? _hashes;

    /// <summary>Makes a report.</summary>
    /// <param name="epoch">The state that is served.</param>
    /// <param name="proxies">The connected proxies by node id, and what each lacks; null when nothing.</param>
    public static ReplicaReport Create(long epoch, IEnumerable<KeyValuePair<string, string?>> proxies)
    {
        var (done, waiting) = (new List<ulong>(), new List<KeyValuePair<string, string>>());
        foreach (var (node, reason) in proxies)
        {
            if (reason is null)
                done.Add(Hash(node));
            else
                waiting.Add(KeyValuePair.Create(node, reason));
        }

        done.Sort();
        var bytes = new byte[done.Count * HashLength];
        for (var i = 0; i < done.Count; i++)
            BinaryPrimitives.WriteUInt64BigEndian(bytes.AsSpan(i * HashLength), done[i]);
        var named = waiting.OrderBy(w => w.Key, StringComparer.Ordinal).Take(MostNamed);
        return new ReplicaReport(epoch, bytes, new SortedDictionary<string, string>(named.ToDictionary(), StringComparer.Ordinal));
    }

    /// <summary>Reads what <see cref="ToString"/> wrote; null when it is something else.</summary>
    public static ReplicaReport? Parse(string? text)
    {
        try
        {
            return text is null ? null
                : JsonSerializer.Deserialize(text, ReplicaReportJson.Default.ReplicaReport) is { Done: not null, Waiting: not null } report
                    ? report
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Whether a proxy has what the state gives it.</summary>
    public bool IsDone(string node) => (_hashes ??= Hashes()).Contains(Hash(node));

    /// <inheritdoc/>
    public override string ToString() => JsonSerializer.Serialize(this, ReplicaReportJson.Default.ReplicaReport);

    private static ulong Hash(string node) => BinaryPrimitives.ReadUInt64BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(node)));

    private HashSet<ulong> Hashes()
    {
        var hashes = new HashSet<ulong>();
        for (var i = 0; i + HashLength <= Done.Length; i += HashLength)
            hashes.Add(BinaryPrimitives.ReadUInt64BigEndian(Done.AsSpan(i)));
        return hashes;
    }
}

[JsonSerializable(typeof(ReplicaReport))]
internal sealed partial class ReplicaReportJson : JsonSerializerContext;
