using System.Text.Json.Nodes;

namespace MeshOperator.Xds.Tests.Properties;

/// <summary>Gathers what resources refer to, from their JSON: by the names of Envoy's fields, so that it does not matter where they
/// stand.</summary>
internal sealed class References
{
    /// <summary>Clusters of routes, mirrors and TCP proxies.</summary>
    public HashSet<string> Clusters { get; } = [];

    /// <summary>Route configurations of connection managers.</summary>
    public HashSet<string> Routes { get; } = [];

    /// <summary>Clusters whose endpoints come over EDS.</summary>
    public HashSet<string> EdsClusters { get; } = [];

    /// <summary>Filters whose configuration comes over ECDS.</summary>
    public HashSet<string> Extensions { get; } = [];

    /// <summary>Secrets that come over SDS.</summary>
    public HashSet<string> Secrets { get; } = [];

    public void Visit(JsonNode? node)
    {
        switch (node)
        {
            case JsonArray list:
                foreach (var item in list)
                    Visit(item);
                break;
            case JsonObject message:
                if (message["eds_cluster_config"] is not null)
                    EdsClusters.Add((string)message["name"]!);
                if (message["config_discovery"] is not null)
                    Extensions.Add((string)message["name"]!);
                if (message["sds_config"] is not null)
                    Secrets.Add((string)message["name"]!);
                foreach (var (field, value) in message)
                    Visit(field, value);
                break;
        }
    }

    private void Visit(string field, JsonNode? value)
    {
        switch (field)
        {
            case "cluster" when value is JsonValue:
                Clusters.Add((string)value!);
                break;
            case "weighted_clusters":
                foreach (var cluster in value!["clusters"]!.AsArray())
                    Clusters.Add((string)cluster!["name"]!);
                break;
            case "route_config_name":
                Routes.Add((string)value!);
                break;
            default:
                Visit(value);
                break;
        }
    }
}
