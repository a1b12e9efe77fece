using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;

namespace MeshOperator.Proxy.Bootstrap;

/// <summary>A tag of statistics: of a fixed value, or taken out of a statistic's name.</summary>
/// <param name="Name">The tag's name.</param>
/// <param name="Value">Its value, or null.</param>
/// <param name="Pattern">Whose second group, or else first, is the value; null for a fixed one.</param>
internal sealed record StatisticsTag(string Name, string? Value, Regex? Pattern);

/// <summary>What a proxy starts with: the parts of Envoy's bootstrap (envoy.config.bootstrap.v3.Bootstrap as JSON) that it needs.</summary>
internal sealed record ProxyConfiguration
{
    /// <summary>The node's id.</summary>
    public required string NodeId { get; init; }

    /// <summary>The node's cluster.</summary>
    public required string NodeCluster { get; init; }

    /// <summary>How the operator is reached.</summary>
    public required AdsTarget Ads { get; init; }

    /// <summary>The address of the admin interface; null without one, or where only listeners of the bootstrap reach it.</summary>
    public required IPEndPoint? Admin { get; init; }

    /// <summary>The name of the layer of runtime values that comes from the operator, or null.</summary>
    public required string? RuntimeLayer { get; init; }

    /// <summary>Listeners that are there from the start.</summary>
    public required IReadOnlyList<StaticListener> Listeners { get; init; }

    /// <summary>Clusters that are there from the start, by name.</summary>
    public required IReadOnlyDictionary<string, StaticCluster> Clusters { get; init; }

    /// <summary>The tags of statistics.</summary>
    public required IReadOnlyList<StatisticsTag> Tags { get; init; }

    /// <summary>Reads a bootstrap.</summary>
    public static ProxyConfiguration Read(JsonObject bootstrap) =>
        new()
        {
            NodeId = bootstrap.Required("node/id"),
            NodeCluster = bootstrap.Text("node/cluster") ?? "",
            Ads = AdsTarget.Read(bootstrap),
            Admin = bootstrap.At("admin/address/socket_address") is null ? null : bootstrap.Address("admin/address"),
            RuntimeLayer = bootstrap
                .Objects("layered_runtime/layers")
                .Select(layer => layer.Text("rtds_layer/name"))
                .FirstOrDefault(name => name is not null),
            Listeners =
            [
                .. bootstrap
                    .Objects("static_resources/listeners")
                    // One with TLS takes the order to end, which nobody gives here.
                    .Where(listener => listener.At("filter_chains/0/transport_socket") is null)
                    .Select(StaticListener.Read),
            ],
            Clusters = bootstrap
                .Objects("static_resources/clusters")
                // One whose endpoints come from the operator is for what the built-in proxy counts alone.
                // The one at a socket file is the admin interface, which is in this process.
                .Where(cluster => cluster.At($"{StaticCluster.AddressPath}/socket_address") is not null)
                .Select(StaticCluster.Read)
                .ToDictionary(cluster => cluster.Name, StringComparer.Ordinal),
            Tags = [.. bootstrap.Objects("stats_config/stats_tags").Select(Tag)],
        };

    private static StatisticsTag Tag(JsonObject tag) =>
        new(
            tag.Required("tag_name"),
            tag.Text("fixed_value"),
            tag.Text("regex") is { } pattern ? new Regex(pattern, RegexOptions.NonBacktracking | RegexOptions.CultureInvariant) : null
        );
}
