using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Selectors;
using MeshOperator.LocalCluster.Store;

namespace MeshOperator.LocalCluster.Admission;

/// <summary>One webhook of a configuration, read once for each version of it.</summary>
internal sealed class Webhook
{
    private Webhook(string configuration, JsonObject json)
    {
        Configuration = configuration;
        Name = json.Text("name") ?? "";
        Client = json.Object("clientConfig") ?? [];
        Ignore = json.Text("failurePolicy") == "Ignore";
        Equivalent = json.Text("matchPolicy") != "Exact";
        Reinvoke = json.Text("reinvocationPolicy") == "IfNeeded";
        HasSideEffects = json.Text("sideEffects") is not ("None" or "NoneOnDryRun");
        Timeout = TimeSpan.FromSeconds(json.Integer("timeoutSeconds") ?? 10);
        NamespaceSelector = LabelSelector.FromJson(json.Object("namespaceSelector") ?? []);
        ObjectSelector = LabelSelector.FromJson(json.Object("objectSelector") ?? []);
        Rules = [.. json.Objects("rules").Select(WebhookRule.FromJson)];
    }

    public string Configuration { get; }

    public string Name { get; }

    public JsonObject Client { get; }

    public bool Ignore { get; }

    public bool Equivalent { get; }

    public bool Reinvoke { get; }

    public bool HasSideEffects { get; }

    public TimeSpan Timeout { get; }

    public LabelSelector NamespaceSelector { get; }

    public LabelSelector ObjectSelector { get; }

    public IReadOnlyList<WebhookRule> Rules { get; }

    public static Webhook[] Read(StoredObject configuration) =>
        [.. configuration.Parse().Objects("webhooks").Select(webhook => new Webhook(configuration.Name, webhook))];
}

/// <summary>What requests a webhook wants to see.</summary>
internal sealed record WebhookRule(
    IReadOnlyList<string> Operations,
    IReadOnlyList<string> Groups,
    IReadOnlyList<string> Versions,
    IReadOnlyList<string> Resources,
    string Scope
)
{
    public static WebhookRule FromJson(JsonObject json) =>
        new(
            [.. json.Texts("operations")],
            [.. json.Texts("apiGroups")],
            [.. json.Texts("apiVersions")],
            [.. json.Texts("resources")],
            json.Text("scope") ?? "*"
        );

    public bool Matches(string operation, string group, string version, string resource, string subresource, bool namespaced) =>
        Contains(Operations, operation)
        && Contains(Groups, group)
        && Contains(Versions, version)
        && (Scope == "*" || Scope == (namespaced ? "Namespaced" : "Cluster"))
        && Resources.Any(r => Covers(r, resource, subresource));

    private static bool Contains(IReadOnlyList<string> list, string value) => list.Contains("*") || list.Contains(value);

    private static bool Covers(string pattern, string resource, string subresource)
    {
        var slash = pattern.IndexOf('/', StringComparison.Ordinal);
        var of = slash < 0 ? pattern : pattern[..slash];
        var sub = slash < 0 ? "" : pattern[(slash + 1)..];
        return (of == "*" || of == resource) && (sub == subresource || (slash >= 0 && sub == "*"));
    }
}
