using System.Net;
using System.Text.Json.Nodes;

namespace MeshOperator.Proxy.Bootstrap;

/// <summary>A listener of the bootstrap: it answers readiness, metrics and the application's probes.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Address">Where it listens.</param>
/// <param name="Checks">Paths answered by whether a cluster is healthy.</param>
/// <param name="Routes">What it passes on, in order.</param>
internal sealed record StaticListener(
    string Name,
    IPEndPoint Address,
    IReadOnlyDictionary<string, string> Checks,
    IReadOnlyList<StaticRoute> Routes
)
{
    /// <summary>Reads a listener.</summary>
    public static StaticListener Read(JsonObject listener)
    {
        var manager = listener.At("filter_chains/0/filters/0/typed_config");
        var checks = manager
            .Objects("http_filters")
            .Where(filter => filter.At("typed_config/cluster_min_healthy_percentages") is JsonObject)
            .ToDictionary(
                filter => filter.Required("typed_config/headers/0/string_match/exact"),
                filter => ((JsonObject)filter.At("typed_config/cluster_min_healthy_percentages")!).First().Key,
                StringComparer.Ordinal
            );
        return new StaticListener(
            listener.Required("name"),
            listener.Address("address"),
            checks,
            [.. manager.Objects("route_config/virtual_hosts/0/routes").Select(StaticRoute.Read)]
        );
    }
}

/// <summary>A route of a static listener.</summary>
/// <param name="Path">The path, exact; null for all paths.</param>
/// <param name="Method">The method, or null for all.</param>
/// <param name="Cluster">The static cluster that requests go to; null when <paramref name="Status"/> is the answer.</param>
/// <param name="Target">The path that the cluster is asked for; null for the request's.</param>
/// <param name="Status">The answer without a cluster.</param>
/// <param name="Body">The answer's text.</param>
/// <param name="HeadersToRemove">Headers that are taken out of responses.</param>
internal sealed record StaticRoute(
    string? Path,
    string? Method,
    string? Cluster,
    string? Target,
    int Status,
    string Body,
    IReadOnlyList<string> HeadersToRemove
)
{
    /// <summary>Reads a route.</summary>
    public static StaticRoute Read(JsonObject route) =>
        new(
            route.Text("match/path"),
            route.Objects("match/headers").FirstOrDefault(header => header.Text("name") == ":method")?.Text("string_match/exact"),
            route.Text("route/cluster"),
            route.Text("route/prefix_rewrite"),
            int.Parse(route.Text("direct_response/status") ?? "404", System.Globalization.CultureInfo.InvariantCulture),
            route.Text("direct_response/body/inline_string") ?? "",
            [.. (route.At("response_headers_to_remove") as JsonArray ?? []).Select(name => name!.ToString())]
        );
}
