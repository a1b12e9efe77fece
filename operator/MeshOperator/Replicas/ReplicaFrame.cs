using System.Collections.Immutable;
using System.Text.Json;
using System.Text.Json.Serialization;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.LoadStats;
using MeshOperator.Xds.Registry;

namespace MeshOperator.Replicas;

/// <summary>A line of a replica's report, JSON: what has changed since the line before. The first has everything; one without anything
/// says that the replica is alive. What a reader does not know it ignores, so that replicas of two versions understand each
/// other.</summary>
internal sealed record ReplicaFrame
{
    /// <summary>The version of the operator; in the first line.</summary>
    public string? Version { get; init; }

    /// <summary>By node id, the proxies that connected or are sent something else.</summary>
    public Dictionary<string, Proxy>? Proxies { get; init; }

    /// <summary>The node ids of those that are not connected any more.</summary>
    public List<string>? Gone { get; init; }

    /// <summary>By policy, what has changed.</summary>
    public Dictionary<string, Policy>? Policies { get; init; }

    /// <summary>The policies that nothing carries any more.</summary>
    public List<string>? Dropped { get; init; }

    /// <summary>The changes of mode, all of them.</summary>
    public ModeLine? Modes { get; init; }

    /// <summary>By cluster, what was counted since it was first asked for.</summary>
    public Dictionary<string, ClusterLoad>? Loads { get; init; }

    /// <summary>The clusters that are not asked for any more.</summary>
    public List<string>? Unasked { get; init; }

    /// <summary>What has changed.</summary>
    /// <param name="before">What was said last; null for all.</param>
    /// <param name="after">What is to be said.</param>
    public static ReplicaFrame Between(ReplicaState? before, ReplicaState after)
    {
        var (proxies, policies) = (before?.Proxies.Proxies, before?.Proxies.Policies);
        return new ReplicaFrame
        {
            Proxies = Changed(proxies, after.Proxies.Proxies, name => name, Proxy.From),
            Gone = Missing(proxies, after.Proxies.Proxies, name => name),
            Policies = Changed(policies, after.Proxies.Policies, Name, Policy.From),
            Dropped = Missing(policies, after.Proxies.Policies, Name),
            Modes = after.Modes.Equals(before?.Modes) ? null : ModeLine.From(after.Modes),
            Loads = Changed(before?.Loads, after.Loads, name => name, load => load),
            Unasked = Missing(before?.Loads, after.Loads, name => name),
        };
    }

    /// <summary>What is known after this line.</summary>
    /// <exception cref="FormatException">It is not a line of a replica.</exception>
    public ReplicaState ApplyTo(ReplicaState before)
    {
        var proxies = before.Proxies.Proxies.ToBuilder();
        proxies.RemoveRange(Gone ?? []);
        foreach (var (name, proxy) in Proxies ?? [])
            proxies[name] = new ReportedProxy(DateTimeOffset.FromUnixTimeMilliseconds(proxy.Since), proxy.Own);
        var policies = before.Proxies.Policies.ToBuilder();
        policies.RemoveRange((Dropped ?? []).Select(ReadName));
        foreach (var (name, policy) in Policies ?? [])
            policies[ReadName(name)] = policy.Read();
        return new ReplicaState(
            new ReplicaProxies(proxies.ToImmutable(), policies.ToImmutable()),
            Modes is null ? before.Modes : Modes.Read(),
            before.Loads.RemoveRange(Unasked ?? []).SetItems(Loads ?? [])
        );
    }

    /// <summary>The line, without its end.</summary>
    public byte[] Write() => JsonSerializer.SerializeToUtf8Bytes(this, ReplicaFrameJson.Default.ReplicaFrame);

    /// <summary>Reads a line.</summary>
    /// <exception cref="FormatException">It is not a line of a replica.</exception>
    public static ReplicaFrame Read(ReadOnlySpan<byte> line)
    {
        try
        {
            return JsonSerializer.Deserialize(line, ReplicaFrameJson.Default.ReplicaFrame) ?? new ReplicaFrame();
        }
        catch (JsonException e)
        {
            throw new FormatException("a replica sent a line that is no report", e);
        }
    }

    private static Dictionary<string, TLine>? Changed<TKey, TValue, TLine>(
        ImmutableDictionary<TKey, TValue>? before,
        ImmutableDictionary<TKey, TValue> after,
        Func<TKey, string> name,
        Func<TValue, TLine> line
    )
        where TKey : notnull
    {
        if (ReferenceEquals(before, after))
            return null;
        var changed = after
            .Where(entry => before is null || !before.TryGetValue(entry.Key, out var old) || !Equals(old, entry.Value))
            .ToDictionary(entry => name(entry.Key), entry => line(entry.Value));
        return changed.Count == 0 ? null : changed;
    }

    private static List<string>? Missing<TKey, TValue>(
        ImmutableDictionary<TKey, TValue>? before,
        ImmutableDictionary<TKey, TValue> after,
        Func<TKey, string> name
    )
        where TKey : notnull
    {
        if (before is null || ReferenceEquals(before, after))
            return null;
        var missing = before.Keys.Where(key => !after.ContainsKey(key)).Select(name).ToList();
        return missing.Count == 0 ? null : missing;
    }

    private static string Name(PolicyKey policy) => $"{policy.Kind}/{policy.Namespace}/{policy.Name}";

    private static PolicyKey ReadName(string name) =>
        name.Split('/') is [var kind, var ns, var policy]
            ? new PolicyKey(kind, ns, policy)
            : throw new FormatException($"a replica reported '{name}', which names no policy");

    /// <summary>An Envoy.</summary>
    /// <param name="Since">When it connected, in milliseconds of Unix time.</param>
    /// <param name="Own">See <see cref="ReportedProxy.Own"/>.</param>
    internal sealed record Proxy(long Since, ulong Own)
    {
        public static Proxy From(ReportedProxy proxy) => new(proxy.ConnectedAt.ToUnixTimeMilliseconds(), proxy.Own);
    }

    /// <summary>See <see cref="ReportedPolicy"/>.</summary>
    internal sealed record Policy
    {
        private const int LongestReason = 500;

        public ulong Shared { get; init; }

        public long Generation { get; init; }

        public string[]? Behind { get; init; }

        public Rejection[]? Rejected { get; init; }

        public string[]? Unused { get; init; }

        public string[]? Libraries { get; init; }

        public static Policy From(ReportedPolicy policy) =>
            new()
            {
                Shared = policy.Shared,
                Generation = policy.Generation,
                Behind = Names(policy.Behind),
                Rejected =
                    policy.Rejected.Count == 0
                        ? null
                        : [.. policy.Rejected.Select(r => new Rejection(r.NodeId, r.Resource, Shorten(r.Reason)))],
                Unused = Names(policy.Unused),
                Libraries = Names(policy.Libraries),
            };

        public ReportedPolicy Read() =>
            new(
                Shared,
                (Behind ?? []).ToValueList(),
                (Rejected ?? []).Select(r => new ProxyRejection(r.Node, r.Resource, r.Reason)).ToValueList(),
                (Unused ?? []).ToValueList(),
                (Libraries ?? []).ToValueList()
            )
            {
                Generation = Generation,
            };

        private static string[]? Names(ValueList<string> names) => names.Count == 0 ? null : [.. names];

        private static string Shorten(string reason) => reason.Length > LongestReason ? reason[..LongestReason] : reason;
    }

    /// <summary>See <see cref="ProxyRejection"/>.</summary>
    internal sealed record Rejection(string Node, string Resource, string Reason);

    /// <summary>See <see cref="ReplicaModes"/>.</summary>
    internal sealed record ModeLine
    {
        public Dictionary<string, ModeStep>? Steps { get; init; }

        public string[]? Unready { get; init; }

        public bool IsWaitingForClients { get; init; }

        public static ModeLine From(ReplicaModes modes) =>
            new()
            {
                Steps = modes.Steps.Count == 0 ? null : modes.Steps.ToDictionary(),
                Unready = modes.Unready.Count == 0 ? null : [.. modes.Unready.Order(StringComparer.Ordinal)],
                IsWaitingForClients = !modes.HaveClients,
            };

        public ReplicaModes Read() => new(Steps ?? [], (Unready ?? []).ToHashSet(StringComparer.Ordinal), !IsWaitingForClients);
    }
}

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web, DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingDefault)]
[JsonSerializable(typeof(ReplicaFrame))]
internal sealed partial class ReplicaFrameJson : JsonSerializerContext;
