using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Injection;

namespace MeshOperator.Local.Node;

/// <summary>Where the parts of a pod are on this machine.</summary>
/// <param name="Pod">The pod's address.</param>
/// <param name="Application">The address at which its application listens.</param>
/// <param name="Discovery">Where the operator is, <c>host:port</c> of ADS over TLS.</param>
/// <param name="TokenFolder">The folder of the proxy's token.</param>
/// <param name="TrustFolder">The folder of the trust bundle.</param>
/// <param name="AdminFolder">The folder of the admin interface's socket, as seen from where the proxy runs: the path of a socket has at
/// most 107 bytes, which a whole path may exceed.</param>
internal sealed record PodPlaces(
    string Pod,
    string Application,
    string Discovery,
    string TokenFolder,
    string TrustFolder,
    string AdminFolder
);

/// <summary>Makes of the arguments that a pod's proxy would be started with in a cluster those for this machine, where all pods share one
/// network: what is on the pod's loopback or on all of its addresses is at the pod's own address.</summary>
internal static partial class BootstrapRewriter
{
    private const string ConfigurationArgument = "--config-yaml";
    private static readonly string[] AnyAddress = ["0.0.0.0", "::"];

    /// <summary>The bootstrap of a pod's proxy.</summary>
    /// <param name="container">The proxy's container, as it was injected.</param>
    /// <param name="pod">The pod.</param>
    /// <param name="places">Where its parts are.</param>
    /// <exception cref="FormatException">The container has no bootstrap.</exception>
    public static JsonObject Rewrite(V1Container container, V1Pod pod, PodPlaces places)
    {
        var arguments = container.Args ?? [];
        var at = arguments.IndexOf(ConfigurationArgument);
        if (at < 0 || at + 1 >= arguments.Count || JsonNode.Parse(Expand(arguments[at + 1], pod, places)) is not JsonObject bootstrap)
            throw new FormatException($"the container {container.Name} has no argument {ConfigurationArgument} with a bootstrap");
        RewriteAddresses(bootstrap, places);
        RewriteMetadata(bootstrap, places);
        RewriteConnection(bootstrap, places);
        return bootstrap;
    }

    private static string Expand(string text, V1Pod pod, PodPlaces places) =>
        Reference()
            .Replace(
                text,
                match =>
                    match.Groups[1].Value switch
                    {
                        _ when match.Value.StartsWith("$$", StringComparison.Ordinal) => match.Value[1..],
                        "POD_NAME" => pod.Metadata.Name,
                        "POD_UID" => pod.Metadata.Uid,
                        "POD_IP" => places.Pod,
                        _ => match.Value,
                    }
            );

    private static void RewriteAddresses(JsonNode? node, PodPlaces places)
    {
        switch (node)
        {
            case JsonObject item:
                if (item["socket_address"] is JsonObject socket && (string?)socket["address"] is { } address)
                    socket["address"] = Translate(address, (int?)socket["port_value"] ?? 0, places);
                if (item["pipe"] is JsonObject pipe && (string?)pipe["path"] is { } path)
                    pipe["path"] = path.Replace(ProxyBootstrap.AdminFolder, places.AdminFolder, StringComparison.Ordinal);
                // The other family's.
                item.Remove("additional_addresses");
                foreach (var (_, child) in item)
                    RewriteAddresses(child, places);
                break;
            case JsonArray list:
                foreach (var child in list)
                    RewriteAddresses(child, places);
                break;
        }
    }

    private static string Translate(string address, int port, PodPlaces places)
    {
        if (AnyAddress.Contains(address))
            return places.Pod;
        if (address != "127.0.0.1")
            return address;
        return ProxyPort.IsInRange(port) ? places.Pod : places.Application;
    }

    /// <summary>The pod's annotations are set when its address is known, which is after the proxy was injected.</summary>
    private static void RewriteMetadata(JsonObject bootstrap, PodPlaces places)
    {
        if (bootstrap["node"]?["metadata"] is not JsonObject metadata)
            return;
        metadata[ProxyBootstrap.ProxyAddressKey] = places.Pod;
        metadata[ProxyBootstrap.ApplicationAddressKey] = places.Application;
    }

    private static void RewriteConnection(JsonObject bootstrap, PodPlaces places)
    {
        JsonNode?[] sources = [bootstrap["dynamic_resources"]?["ads_config"], bootstrap["cluster_manager"]?["load_stats_config"]];
        foreach (var service in sources.SelectMany(source => source?["grpc_services"] as JsonArray ?? []))
        {
            if (service?["google_grpc"] is not JsonObject connection)
                continue;
            connection["target_uri"] = places.Discovery;
            RewritePaths(connection, places);
        }
    }

    private static void RewritePaths(JsonNode? node, PodPlaces places)
    {
        switch (node)
        {
            case JsonObject item:
                if ((string?)item["filename"] is { } file)
                {
                    item["filename"] = file.Replace(ProxyBootstrap.TokenFolder, places.TokenFolder, StringComparison.Ordinal)
                        .Replace(ProxyBootstrap.TrustFolder, places.TrustFolder, StringComparison.Ordinal);
                }

                foreach (var (_, child) in item)
                    RewritePaths(child, places);
                break;
            case JsonArray list:
                foreach (var child in list)
                    RewritePaths(child, places);
                break;
        }
    }

    [GeneratedRegex(@"\$?\$\(([A-Za-z_][A-Za-z0-9_]*)\)")]
    private static partial Regex Reference();
}
