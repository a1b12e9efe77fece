using Envoy.Config.Cluster.V3;
using MeshOperator.Proxy.Matching;
using MeshOperator.Proxy.Routing;
using Policy = Envoy.Config.Cluster.V3.Cluster.Types.LbPolicy;

namespace MeshOperator.Proxy.Upstream;

/// <summary>Chooses among a cluster's endpoints.</summary>
internal sealed class LoadBalancer(Policy policy)
{
    private uint _next = (uint)Dice.Next();

    /// <summary>Whether it takes hashes.</summary>
    public bool IsHashing => policy is Policy.RingHash or Policy.Maglev;

    /// <summary>Chooses an endpoint; null when there is none.</summary>
    public UpstreamHost? Choose(IReadOnlyList<UpstreamHost> hosts, ulong? hash)
    {
        if (hosts.Count <= 1)
            return hosts.Count == 0 ? null : hosts[0];
        return policy switch
        {
            Policy.RingHash or Policy.Maglev => ByHash(hosts, hash ?? Dice.Next()),
            _ when hosts.Any(host => host.Weight != hosts[0].Weight) => ByWeight(hosts),
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
