using Envoy.Config.Cluster.V3;
using Envoy.Extensions.LoadBalancingPolicies.ClientSideWeightedRoundRobin.V3;
using Envoy.Extensions.LoadBalancingPolicies.LeastRequest.V3;
using Envoy.Extensions.LoadBalancingPolicies.RoundRobin.V3;
using MeshOperator.Proxy.Matching;
using MeshOperator.Proxy.Resources;
using MeshOperator.Proxy.Routing;
using Policy = Envoy.Config.Cluster.V3.Cluster.Types.LbPolicy;

namespace MeshOperator.Proxy.Upstream;

/// <summary>Chooses among a cluster's endpoints.</summary>
internal sealed class LoadBalancer
{
    private readonly Policy _policy;
    private readonly bool _looksAtAll;
    private uint _next = (uint)Dice.Next();

    private LoadBalancer(Policy policy, bool looksAtAll) => (_policy, _looksAtAll) = (policy, looksAtAll);

    /// <summary>Makes that of a cluster.</summary>
    /// <exception cref="ArgumentException">Its policy cannot be had here.</exception>
    public static LoadBalancer Create(Cluster cluster)
    {
        if (cluster.LoadBalancingPolicy is not { Policies: [var first, ..] })
            return new LoadBalancer(cluster.LbPolicy, looksAtAll: false);
        return ResourceReader.Unpack(first.TypedExtensionConfig.TypedConfig) switch
        {
            LeastRequest least => new(Policy.LeastRequest, least.SelectionMethod is LeastRequest.Types.SelectionMethod.FullScan),
            RoundRobin or ClientSideWeightedRoundRobin => new(Policy.RoundRobin, looksAtAll: false),
            Envoy.Extensions.LoadBalancingPolicies.Random.V3.Random => new(Policy.Random, looksAtAll: false),
            _ => throw new ArgumentException($"load_balancing_policy: {first.TypedExtensionConfig.Name} is not supported"),
        };
    }

    /// <summary>Whether it takes hashes.</summary>
    public bool IsHashing => _policy is Policy.RingHash or Policy.Maglev;

    /// <summary>Chooses an endpoint; null when there is none.</summary>
    public UpstreamHost? Choose(IReadOnlyList<UpstreamHost> hosts, ulong? hash)
    {
        if (hosts.Count <= 1)
            return hosts.Count == 0 ? null : hosts[0];
        return _policy switch
        {
            Policy.RingHash or Policy.Maglev => ByHash(hosts, hash ?? Dice.Next()),
            _ when hosts.Any(host => host.Weight != hosts[0].Weight) => ByWeight(hosts),
            Policy.LeastRequest when _looksAtAll => LeastLoadedOfAll(hosts),
            Policy.LeastRequest => LeastLoaded(hosts),
            Policy.RoundRobin => hosts[(int)(Interlocked.Increment(ref _next) % (uint)hosts.Count)],
            _ => hosts[Dice.Below(hosts.Count)],
        };
    }

    /// <summary>One at random, by weight.</summary>
    private static UpstreamHost ByWeight(IReadOnlyList<UpstreamHost> hosts)
    {
        var rest = (long)(Dice.Next() % (ulong)hosts.Sum(host => (long)host.Weight));
        return hosts.First(host => (rest -= host.Weight) < 0);
    }

    /// <summary>The one with the fewest requests in flight; of several any.</summary>
    private static UpstreamHost LeastLoadedOfAll(IReadOnlyList<UpstreamHost> hosts)
    {
        var (best, ties) = (hosts[0], 1);
        for (var i = 1; i < hosts.Count; i++)
        {
            if (hosts[i].Active < best.Active)
                (best, ties) = (hosts[i], 1);
            else if (hosts[i].Active == best.Active && Dice.Below(++ties) == 0)
                best = hosts[i];
        }

        return best;
    }

    /// <summary>Of two the one with fewer requests in flight.</summary>
    private static UpstreamHost LeastLoaded(IReadOnlyList<UpstreamHost> hosts)
    {
        var (a, b) = (hosts[Dice.Below(hosts.Count)], hosts[Dice.Below(hosts.Count)]);
        return b.Active < a.Active ? b : a;
    }

    /// <summary>Rendezvous hashing: the highest of the scores that a client has with each endpoint. When an endpoint comes or goes, only
    /// its own clients move, and each endpoint has clients in proportion to its weight.</summary>
    private static UpstreamHost ByHash(IReadOnlyList<UpstreamHost> hosts, ulong hash)
    {
        var (best, highest) = (hosts[0], double.NegativeInfinity);
        foreach (var host in hosts)
        {
            var mixed = HashKey.Hash(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{hash}/{host.Hash}"));
            var fraction = ((mixed >> 11) + 0.5) * (1.0 / (1UL << 53));
            var score = -host.Weight / Math.Log(fraction);
            if (score > highest)
                (best, highest) = (host, score);
        }

        return best;
    }
}
