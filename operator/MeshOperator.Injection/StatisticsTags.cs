using System.Text.Json.Nodes;

namespace MeshOperator.Injection;

/// <summary>The tags of a proxy's statistics (envoy.config.metrics.v3.TagSpecifier as JSON): whose proxy it is, and of the statistics of
/// clusters and connection managers what they are about. The response code's class is among Envoy's own tags.</summary>
public static class StatisticsTags
{
    /// <summary>Names of statistics begin so, see the names of clusters in the architecture: <c>outbound/port/namespace/service</c> and
    /// <c>inbound/port</c>.</summary>
    private const string Of = @"^(?:cluster|http|tcp)\.";

    private static readonly string[] NameLabels = ["app.kubernetes.io/name", "app", "k8s-app"];
    private static readonly string[] VersionLabels = ["app.kubernetes.io/version", "version"];

    /// <summary>The labels that Prometheus sees, and what each is, for people.</summary>
    public static IEnumerable<(string Name, string Meaning)> Labels =>
        [
            ("workload", $"the proxy's workload: the first of the pod's labels {Listed(NameLabels)}, else its service account"),
            ("workload_namespace", "the pod's namespace"),
            ("workload_version", $"the first of the pod's labels {Listed(VersionLabels)}; absent without one"),
            ("direction", "`inbound` or `outbound`"),
            ("destination_service", "outbound: the service that is called; of a split, the backend"),
            ("destination_namespace", "outbound: that service's namespace"),
            ("destination_port", "the port that is called"),
            ("envoy_response_code_class, envoy_response_code", "Envoy's own: the class or the code of a response"),
        ];

    /// <summary>The tags of a pod's proxy.</summary>
    public static JsonArray Create(string ns, string serviceAccount, IDictionary<string, string> labels) =>
        new([
            Fixed("workload", Workload(labels, serviceAccount)),
            Fixed("workload_namespace", ns),
            .. Version(labels) is { } version ? new[] { Fixed("workload_version", version) } : [],
            Extracted("direction", $"{Of}((outbound|inbound)/)"),
            Extracted("destination_port", $@"{Of}(?:outbound|inbound)(/(\d+))"),
            Extracted("destination_namespace", $@"{Of}outbound/\d+(/([^/.]+))"),
            Extracted("destination_service", $@"{Of}outbound/\d+/[^/.]+(/([^/.]+))"),
        ]);

    /// <summary>What users call the workload: a label if it has one, else its service account.</summary>
    public static string Workload(IDictionary<string, string> labels, string serviceAccount) => First(labels, NameLabels) ?? serviceAccount;

    /// <summary>The workload's version by its labels, or null.</summary>
    public static string? Version(IDictionary<string, string> labels) => First(labels, VersionLabels);

    private static string Listed(string[] labels) => string.Join(", ", labels.Select(label => $"`{label}`"));

    private static string? First(IDictionary<string, string> labels, string[] names) =>
        names
            .Select(name => labels.TryGetValue(name, out var value) && value.Length > 0 ? value : null)
            .FirstOrDefault(value => value is not null);

    private static JsonObject Fixed(string name, string value) => new() { ["tag_name"] = name, ["fixed_value"] = value };

    /// <summary>The first group is cut out of the name, the second is the value.</summary>
    private static JsonObject Extracted(string name, string regex) => new() { ["tag_name"] = name, ["regex"] = regex };
}
