using System.Text.Json.Nodes;
using MeshOperator.Kubernetes.Manifests;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Translation;
using MeshOperator.Mesh.Verdicts;
using MeshOperator.Xds.Rendering;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Translation;
using MeshOperator.Xds.Translation.Shared;
using Shouldly;

namespace MeshOperator.Tests.Goldens;

/// <summary>Writes down what a translation made, a file each for what people look at separately.</summary>
internal sealed class GoldenOutput(TranslationResult result, EnvoyConfiguration configuration)
{
    /// <summary>What gRPC libraries are sent.</summary>
    public const string ProxylessOutput = "proxyless";

    private const string CommonOutput = "common";
    private const string ExplicitOutput = "explicit-proxies";

    /// <summary>Shown only where a case asks for it: what is the same in every mesh, names only, and the same mesh in other
    /// words.</summary>
    private static readonly HashSet<string> OnDemand = [CommonOutput, "scopes", "places", ExplicitOutput, ProxylessOutput];

    private static readonly HashSet<string> CommonNames =
    [
        Names.Passthrough,
        Names.Blackhole,
        Names.OutboundListener,
        Names.OutboundIpv6Listener,
        Names.InboundPassthrough,
        Names.TracingCluster,
    ];

    private static readonly (string Output, ResourceType Type)[] SharedTypes =
    [
        ("clusters", ResourceType.Cluster),
        ("endpoints", ResourceType.Endpoints),
        ("listeners", ResourceType.Listener),
        ("routes", ResourceType.Route),
        ("extensions", ResourceType.Extension),
    ];

    /// <summary>The workloads at whose proxies connections arrive.</summary>
    private IEnumerable<NodeEntry> Arriving =>
        configuration.Nodes.Values.Where(node => node.Scope?.Explicit is null || node.Own.Profile.Binding is not null);

    /// <summary>The files of a case by name, as YAML.</summary>
    public SortedDictionary<string, string> Files(GoldenCase golden)
    {
        var outputs = new Dictionary<string, JsonArray>
        {
            ["conditions"] = Conditions(),
            ["inbound"] = Inbound(golden.Only),
            ["scopes"] = Scopes(),
            ["places"] = Places(golden.Only),
            [ExplicitOutput] = ExplicitProxies(golden.Only),
            [ProxylessOutput] = Proxyless(golden.Only),
            [CommonOutput] = Common(),
        };
        foreach (var (output, type) in SharedTypes)
            outputs.Add(output, Chosen(ConfigurationJson.Shared(configuration, type), golden.Only));
        string[] shown =
            golden.Show.Count > 0 ? [.. golden.Show] : [.. outputs.Keys.Where(name => !OnDemand.Contains(name) && outputs[name].Count > 0)];
        Check(golden, shown, outputs.Keys);
        var files = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var name in shown)
        {
            outputs[name].ShouldNotBeEmpty($"{golden.Name}: there is nothing to show of {name}");
            files.Add($"{name}.yaml", ManifestYaml.Write(outputs[name]));
        }

        return files;
    }

    private static IEnumerable<string> Hosts(MeshServicePort port) =>
        port
            .Endpoints.Where(endpoint => endpoint.Hostname is not null)
            .Select(endpoint => $"{endpoint.Hostname}.{port.Service}:{endpoint.Port}")
            .Prepend($"{port.Service}:{port.Port}");

    /// <summary>A case must show what it speaks of, and not pass over that a policy of it was refused.</summary>
    private void Check(GoldenCase golden, IReadOnlyCollection<string> shown, IReadOnlyCollection<string> outputs)
    {
        shown.Except(outputs).ShouldBeEmpty($"{golden.Name}: there are no such outputs; those there are: {string.Join(", ", outputs)}");
        var chains = Arriving
            .SelectMany(node => FilterChains(node.Workload).Concat(InboundParts(node.Workload).SelectMany(part => part.Resources)))
            .Select(chain => (string)chain!["name"]!);
        var resources = configuration
            .Shared.Concat(configuration.Proxyless.Value.Shared)
            .SelectMany(set => set.Items.ToArray())
            .Select(resource => resource.Name);
        var hosts = configuration.ServicePorts.Values.SelectMany(port => Hosts(port.Source)).Append("unknown-host");
        golden
            .Only.Except(chains.Concat(resources).Concat(hosts))
            .ShouldBeEmpty($"{golden.Name}: neither resources nor inbound chains nor virtual hosts");
        if (shown.Contains("conditions"))
            return;
        result
            .Verdicts.Where(v => !v.Value.Accepted.Holds || !v.Value.ResolvedRefs.Holds)
            .Select(v => $"{v.Key}: {v.Value.Accepted.Message} {v.Value.ResolvedRefs.Message}")
            .ShouldBeEmpty($"{golden.Name}: a policy that does not fully hold, and the case does not show the conditions");
    }

    private JsonArray Conditions() =>
        new([
            .. result
                .Verdicts.OrderBy(v => v.Key.ToString(), StringComparer.Ordinal)
                .Select(v => new JsonObject
                {
                    ["policy"] = v.Key.ToString(),
                    ["inEffect"] = v.Value.InEffect,
                    ["conditions"] = new JsonArray([
                        Condition("Accepted", v.Value.Accepted),
                        Condition("ResolvedRefs", v.Value.ResolvedRefs),
                        .. v.Value.NoEffect is { } noEffect ? [Condition("Programmed", noEffect)] : Array.Empty<JsonObject>(),
                    ]),
                }),
        ]);

    private static JsonObject Condition(string type, Finding finding) =>
        new()
        {
            ["type"] = type,
            ["status"] =
                finding.IsUnknown ? "Unknown"
                : finding.Holds ? "True"
                : "False",
            ["reason"] = finding.Reason,
            ["message"] = finding.Message,
        };

    private static JsonArray Chosen(JsonArray resources, IReadOnlyList<string> only)
    {
        string[] names = [.. only.Where(name => !IsInbound(name))];
        return Where(resources, name => !CommonNames.Contains(name) && (names.Length == 0 || names.Contains(name)));
    }

    /// <summary>For each different choice of services the workloads that are sent it, and the names of what they are sent.</summary>
    private JsonArray Scopes() =>
        new([
            .. configuration
                .Nodes.Values.GroupBy(node => node.Scope)
                .OrderBy(group => group.Min(node => node.Workload.NodeId), StringComparer.Ordinal)
                .Select(group =>
                {
                    var scope = new JsonObject
                    {
                        ["services"] = group.Key?.Services is { } chosen
                            ? Strings(chosen.Services.Select(service => service.ToString()))
                            : "all",
                        ["workloads"] = Strings(group.Select(node => node.Workload.NodeId).Order(StringComparer.Ordinal)),
                    };
                    foreach (var (output, type) in SharedTypes)
                        scope[output] = Strings(
                            configuration
                                .FindShared(group.First())[(int)type]
                                .Items.ToArray()
                                .Select(resource => resource.Name)
                                .Where(name => !CommonNames.Contains(name))
                        );
                    return scope;
                }),
        ]);

    /// <summary>For each different place the workloads that run there, and the addresses of the endpoints that they are sent: a group after
    /// the other.</summary>
    private JsonArray Places(IReadOnlyList<string> only) =>
        new([
            .. configuration
                .Nodes.Values.GroupBy(node => node.Scope?.Place)
                .OrderBy(group => group.Min(node => node.Workload.NodeId), StringComparer.Ordinal)
                .Select(group => new JsonObject
                {
                    ["node"] = group.Key?.Node,
                    ["zone"] = group.Key?.Zone,
                    ["workloads"] = Strings(group.Select(node => node.Workload.NodeId).Order(StringComparer.Ordinal)),
                    ["endpoints"] = new JsonObject(
                        Chosen(ConfigurationJson.Sent(configuration, group.First().Workload, ResourceType.Endpoints), only)
                            .Select(cluster => KeyValuePair.Create((string)cluster!["cluster_name"]!, (JsonNode?)Groups(cluster)))
                    ),
                }),
        ]);

    private static JsonArray Groups(JsonNode cluster) =>
        new([
            .. (cluster["endpoints"]?.AsArray() ?? [])
                .GroupBy(locality => (int?)locality!["priority"] ?? 0)
                .OrderBy(group => group.Key)
                .Select(group =>
                    Strings(
                        group
                            .SelectMany(locality => locality!["lb_endpoints"]!.AsArray())
                            .Select(endpoint => (string)endpoint!["endpoint"]!["address"]!["socket_address"]!["address"]!)
                    )
                ),
        ]);

    /// <summary>For each different explicit proxy the workloads that have it, its listener and its routes: all of them, or only some
    /// virtual hosts.</summary>
    private JsonArray ExplicitProxies(IReadOnlyList<string> only) =>
        new([
            .. configuration
                .Nodes.Values.Where(node => node.Scope?.Explicit is not null)
                .GroupBy(node => node.Scope)
                .OrderBy(group => group.Min(node => node.Workload.NodeId), StringComparer.Ordinal)
                .Select(group =>
                {
                    var routes = Where(
                            ConfigurationJson.Sent(configuration, group.First().Workload, ResourceType.Route),
                            name => name == Names.ExplicitRoutes(group.Key!)
                        )
                        .ShouldHaveSingleItem()!
                        .DeepClone();
                    if (only.Count > 0)
                        routes["virtual_hosts"] = Where(routes["virtual_hosts"]!.AsArray(), only.Contains);
                    return new JsonObject
                    {
                        ["workloads"] = Strings(group.Select(node => node.Workload.NodeId).Order(StringComparer.Ordinal)),
                        ["listeners"] = Where(
                            ConfigurationJson.Sent(configuration, group.First().Workload, ResourceType.Listener),
                            name => !IsInbound(name)
                        ),
                        ["routes"] = routes,
                    };
                }),
        ]);

    private JsonArray Proxyless(IReadOnlyList<string> only)
    {
        var chosen = SharedTypes
            .Select(shared => (shared.Output, Resources: Chosen(ConfigurationJson.Proxyless(configuration, shared.Type), only)))
            .Where(entry => entry.Resources.Count > 0)
            .Select(entry => KeyValuePair.Create(entry.Output, (JsonNode?)entry.Resources))
            .ToList();
        return chosen.Count == 0 ? [] : [new JsonObject(chosen)];
    }

    private static JsonArray Strings(IEnumerable<string> values) => new([.. values.Select(value => JsonValue.Create(value))]);

    /// <summary>Each different inbound part, with the workloads that have it: all of it, or only some filter chains, routes, filters and
    /// callers.</summary>
    private JsonArray Inbound(IReadOnlyList<string> only)
    {
        string[] chains = [.. only.Where(IsInbound)];
        var profiles = Arriving
            .GroupBy(node => node.Own, node => node.Workload)
            .Select(group => group.OrderBy(name => name.NodeId, StringComparer.Ordinal).ToList())
            .OrderBy(group => group[0].NodeId, StringComparer.Ordinal);
        return new JsonArray([
            .. profiles.Select(workloads =>
            {
                var part = new JsonObject { ["workloads"] = Strings(workloads.Select(name => name.NodeId)) };
                if (chains.Length > 0)
                {
                    AddIfAny(part, "filter_chains", Where(new JsonArray([.. FilterChains(workloads[0])]), chains.Contains));
                }
                else
                {
                    AddIfAny(
                        part,
                        "clusters",
                        Where(ConfigurationJson.Own(configuration, workloads[0], ResourceType.Cluster), name => !CommonNames.Contains(name))
                    );
                    var listeners = Listeners(workloads[0]);
                    if (listeners is [var only])
                        part["listener"] = only!.DeepClone();
                    else
                        AddIfAny(part, "listeners", listeners);
                }

                AddIfAny(part, "members", Members(workloads[0]));
                foreach (var (output, resources) in InboundParts(workloads[0]))
                {
                    // Filters that do nothing are many, and shown only where a case asks for them.
                    AddIfAny(
                        part,
                        output,
                        chains.Length > 0
                            ? Where(resources, chains.Contains)
                            : new JsonArray([.. resources.Where(r => !IsIdle(r!)).Select(r => r!.DeepClone())])
                    );
                }

                return part;
            }),
        ]);
    }

    /// <summary>The endpoints with which a proxy shares rate limits.</summary>
    private JsonArray Members(WorkloadName workload) =>
        new([
            .. ConfigurationJson
                .Own(configuration, workload, ResourceType.Endpoints)
                .Where(members => members!["endpoints"] is not null)
                .Select(members => members!.DeepClone()),
        ]);

    /// <summary>What belongs to an inbound listener and is sent apart from it.</summary>
    private (string Output, JsonArray Resources)[] InboundParts(WorkloadName workload) =>
        [
            ("clusters", Applications(workload)),
            ("routes", ConfigurationJson.Own(configuration, workload, ResourceType.Route)),
            ("extensions", ConfigurationJson.Own(configuration, workload, ResourceType.Extension)),
            ("callers", ConfigurationJson.Callers(configuration, workload)),
        ];

    /// <summary>The clusters of the application at which requests wait, or to which connections are not as they are by default.</summary>
    private JsonArray Applications(WorkloadName workload)
    {
        var inbound = configuration.Workloads[workload].Inbound;
        var hasSettings = inbound.Application != ApplicationConnection.Default;
        return Where(
            ConfigurationJson.Own(configuration, workload, ResourceType.Cluster),
            name => inbound.Ports.Any(port => (hasSettings || port.Queue is not null) && name == Names.Inbound(port.Port))
        );
    }

    /// <summary>Whether a filter does nothing: it has nothing but a name for statistics.</summary>
    private static bool IsIdle(JsonNode resource) =>
        resource["typed_config"] is JsonObject filter && filter.Select(field => field.Key).All(field => field is "@type" or "stat_prefix");

    private static void AddIfAny(JsonObject part, string name, JsonArray resources)
    {
        if (resources.Count > 0)
            part[name] = resources;
    }

    /// <summary>One, or without redirection one a port. A pod with an IPv6 address has an entrance for that too, which is common to all
    /// such pods.</summary>
    private JsonArray Listeners(WorkloadName workload) =>
        Where(ConfigurationJson.Own(configuration, workload, ResourceType.Listener), IsInbound);

    private IEnumerable<JsonNode?> FilterChains(WorkloadName workload) =>
        Listeners(workload).SelectMany(listener => listener!["filter_chains"]!.AsArray()).Select(chain => chain!.DeepClone());

    private JsonArray Common()
    {
        var workloads = configuration.Nodes.Keys.OrderBy(name => name.NodeId, StringComparer.Ordinal).Take(1);
        JsonArray[] all =
        [
            ConfigurationJson.Shared(configuration, ResourceType.Cluster),
            .. workloads.Select(name => ConfigurationJson.Own(configuration, name, ResourceType.Cluster)),
            ConfigurationJson.Shared(configuration, ResourceType.Listener),
            .. workloads.Select(name => ConfigurationJson.Own(configuration, name, ResourceType.Listener)),
        ];
        return new JsonArray([
            .. all.SelectMany(resources => Where(resources, CommonNames.Contains)).Select(resource => resource!.DeepClone()),
        ]);
    }

    private static bool IsInbound(string name) => name.StartsWith("inbound", StringComparison.Ordinal);

    /// <summary>Assignments of endpoints bear their cluster's name.</summary>
    private static JsonArray Where(JsonArray resources, Func<string, bool> isShown) =>
        new([
            .. resources
                .Where(resource => isShown((string)(resource!["name"] ?? resource["cluster_name"])!))
                .Select(resource => resource!.DeepClone()),
        ]);
}
