using System.Numerics;
using System.Text.Json.Nodes;
using MeshOperator.Mesh.Model;

namespace MeshOperator.Xds.Tests.Properties;

/// <summary>Works out which share of the traffic each cluster gets, as Envoy draws: one random number a request, modulo a million for a
/// route's fraction and modulo the sum of the weights for the cluster. So the two are not independent.</summary>
internal static class Shares
{
    /// <summary>Stands for the cluster of what is answered with an error.</summary>
    public const string Missing = "";

    private const long Million = 1_000_000;

    /// <summary>By the weights; what does not exist goes to <paramref name="missing"/>.</summary>
    public static Dictionary<string, double> Wanted(ValueList<WeightedBackend> backends, string missing)
    {
        var total = (double)backends.Sum(b => (long)b.Weight);
        return backends
            .GroupBy(b => b.Target is { } target ? Translation.Shared.Names.Outbound(target) : missing, b => b.Weight / total)
            .ToDictionary(g => g.Key, g => g.Sum());
    }

    /// <summary>Those of the routes of a name. There are two sets where methods differ for retries.</summary>
    public static IEnumerable<Dictionary<string, double>> ForRequests(JsonNode configuration, string name)
    {
        var routes = configuration["virtual_hosts"]!.AsArray().Single()!["routes"]!
            .AsArray()
            .Where(r => (string)r!["name"]! is var found && (found == name || found.StartsWith($"{name}/", StringComparison.Ordinal)))
            .Select(r => r!)
            .ToList();
        var failing = routes.Find(r => r["direct_response"] is not null);
        var cut =
            failing is null ? 0
            : failing["match"]!["runtime_fraction"] is { } fraction ? (long?)fraction["default_value"]!["numerator"] ?? 0
            : Million;
        var forwarding = routes.FindAll(r => r["route"] is not null);
        if (forwarding.Count == 0)
            return [new() { [Missing] = cut / (double)Million }];
        return forwarding.Select(r => Draw(Weights(r["route"]!), cut));
    }

    /// <summary>Those of the TCP proxies of listeners.</summary>
    public static IEnumerable<Dictionary<string, double>> ForConnections(IEnumerable<JsonNode?> listeners) =>
        from listener in listeners
        from chain in (listener!["filter_chains"]?.AsArray() ?? []).Append(listener["default_filter_chain"])
        from filter in chain?["filters"]?.AsArray() ?? []
        where (string)filter!["name"]! == "envoy.filters.network.tcp_proxy"
        select Draw(Weights(filter!["typed_config"]!), 0);

    public static bool AreNear(Dictionary<string, double> a, Dictionary<string, double> b) =>
        a.Keys.Union(b.Keys).All(name => Math.Abs(a.GetValueOrDefault(name) - b.GetValueOrDefault(name)) < 0.001);

    /// <summary>Those of the endpoints of a pool, by address and port.</summary>
    public static Dictionary<(string Address, int Port), double> OfEndpoints(JsonNode assignment)
    {
        var endpoints = (assignment["endpoints"]?.AsArray() ?? [])
            .SelectMany(locality => locality!["lb_endpoints"]!.AsArray())
            .Select(e => e!)
            .ToList();
        var total = endpoints.Sum(e => (double)e["load_balancing_weight"]!);
        return endpoints.ToDictionary(
            e =>
                (
                    (string)e["endpoint"]!["address"]!["socket_address"]!["address"]!,
                    (int)e["endpoint"]!["address"]!["socket_address"]!["port_value"]!
                ),
            e => (double)e["load_balancing_weight"]! / total
        );
    }

    private static List<(string Cluster, long Weight)> Weights(JsonNode action) =>
        action["weighted_clusters"] is { } weighted
            ? [.. weighted["clusters"]!.AsArray().Select(c => (ReadService((string)c!["name"]!), (long)c["weight"]!))]
            : [(ReadService((string)action["cluster"]!), 1)];

    /// <summary>Endpoints of a headless service that clients choose themselves are that service's share.</summary>
    private static string ReadService(string cluster)
    {
        const string Direct = "direct/",
            Plaintext = "/plaintext";
        if (!cluster.StartsWith(Direct, StringComparison.Ordinal))
            return cluster;
        var name = $"outbound/{cluster[Direct.Length..]}";
        return name.EndsWith(Plaintext, StringComparison.Ordinal) ? name[..^Plaintext.Length] : name;
    }

    private static Dictionary<string, double> Draw(List<(string Cluster, long Weight)> weights, long cut)
    {
        var total = weights.Sum(w => w.Weight);
        var shares = new Dictionary<string, double>();
        if (cut > 0)
            shares[Missing] = cut / (double)Million;
        long from = 0;
        foreach (var (cluster, weight) in weights)
        {
            shares[cluster] = shares.GetValueOrDefault(cluster) + Both(cut, from, from + weight, total);
            from += weight;
        }

        return shares;
    }

    /// <summary>The probability that a number is at least <paramref name="cut"/> modulo a million and from <paramref name="from"/> to below
    /// <paramref name="to"/> modulo <paramref name="total"/>: by the remainders of their greatest common divisor, of which both are drawn
    /// independently.</summary>
    private static double Both(long cut, long from, long to, long total)
    {
        var divisor = (long)BigInteger.GreatestCommonDivisor(Million, total);
        if (cut == 0)
            return (to - from) / (double)total;
        double sum = 0;
        for (long remainder = 0; remainder < divisor; remainder++)
        {
            var first = Count(remainder, cut, Million, divisor) / (double)(Million / divisor);
            var second = Count(remainder, from, to, divisor) / (double)(total / divisor);
            sum += first * second / divisor;
        }

        return sum;
    }

    /// <summary>How many numbers of a range have a remainder.</summary>
    private static long Count(long remainder, long from, long to, long divisor) =>
        Below(remainder, to, divisor) - Below(remainder, from, divisor);

    private static long Below(long remainder, long limit, long divisor) => limit <= remainder ? 0 : ((limit - remainder - 1) / divisor) + 1;
}
