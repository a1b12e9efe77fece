using System.Text.Json.Nodes;
using MeshOperator.Api;
using MeshOperator.Injection.Probes;
using MeshOperator.Injection.Settings;

namespace MeshOperator.Injection;

/// <summary>Makes the configuration with which a proxy starts (envoy.config.bootstrap.v3.Bootstrap as JSON). It holds who the proxy is
/// and where it finds everything else; the kubelet puts in the pod's name and UID, which are not known when a pod is admitted.</summary>
public static class ProxyBootstrap
{
    /// <summary>The folder of the trust bundle in the proxy's container.</summary>
    public const string TrustFolder = "/var/run/meshoperator.io/trust";

    /// <summary>The folder of the token in the proxy's container.</summary>
    public const string TokenFolder = "/var/run/meshoperator.io/token";

    /// <summary>The file name of the token.</summary>
    public const string TokenFile = "token";

    /// <summary>The folder of the admin interface's socket in the proxy's container.</summary>
    public const string AdminFolder = "/var/run/meshoperator.io/admin";

    /// <summary>The file name of that socket.</summary>
    public const string AdminSocket = "admin.sock";

    /// <summary>The key of the node's metadata with the value of <see cref="SidecarAnnotations.ProxyAddress"/>.</summary>
    public const string ProxyAddressKey = "proxy_address";

    /// <summary>The key of the node's metadata with the value of <see cref="SidecarAnnotations.ApplicationAddress"/>.</summary>
    public const string ApplicationAddressKey = "application_address";

    /// <summary>The largest program of an RE2 expression that the proxy takes. By itself it takes 100, of which a long cookie has more, and
    /// refuses all routes of a service for one.</summary>
    private const int LargestExpression = 32768;

    /// <summary>The proxy asks for nothing else before it has its runtime values and the pods with which it shares limits, or this has
    /// passed: an operator of an earlier version has none.</summary>
    private static readonly TimeSpan RuntimeTimeout = TimeSpan.FromSeconds(5);

    /// <summary>The bootstrap of a pod.</summary>
    /// <param name="ns">The pod's namespace.</param>
    /// <param name="serviceAccount">Its service account.</param>
    /// <param name="labels">Its labels.</param>
    /// <param name="discoveryAddress"><c>host:port</c> of ADS over TLS.</param>
    /// <param name="settings">The sidecar's settings, among them how traffic gets to the proxy.</param>
    /// <param name="probes">What it answers for the application.</param>
    /// <param name="endedBy">The SPIFFE identity that may order the proxy to end; null for nobody.</param>
    internal static JsonObject Create(
        string ns,
        string serviceAccount,
        IDictionary<string, string> labels,
        string discoveryAddress,
        SidecarSettings settings,
        IReadOnlyList<ApplicationProbe> probes,
        string? endedBy
    ) =>
        new()
        {
            ["node"] = new JsonObject
            {
                ["id"] = $"$(POD_NAME).{ns}",
                ["cluster"] = $"{serviceAccount}.{ns}",
                ["metadata"] = Metadata(ns, labels, settings),
            },
            ["stats_config"] = Statistics(StatisticsTags.Create(ns, serviceAccount, labels), settings),
            // Statistics of a cluster's traffic are made when it is first used.
            ["deferred_stat_options"] = new JsonObject { ["enable_deferred_creation_stats"] = true },
            ["overload_manager"] = ProxyLimits.Create(settings.Resources),
            ["layered_runtime"] = new JsonObject
            {
                ["layers"] = new JsonArray(
                    new JsonObject { ["name"] = "static", ["static_layer"] = Runtime(settings) },
                    new JsonObject
                    {
                        ["name"] = MeshNames.RuntimeLayer,
                        ["rtds_layer"] = new JsonObject { ["name"] = MeshNames.RuntimeLayer, ["rtds_config"] = OverAds(RuntimeTimeout) },
                    },
                    new JsonObject { ["name"] = "admin", ["admin_layer"] = new JsonObject() }
                ),
            },
            ["admin"] = new JsonObject { ["address"] = AdminInterface.Address() },
            ["cluster_manager"] = new JsonObject
            {
                ["local_cluster_name"] = MeshNames.LimitMembersCluster,
                // The proxy waits there until it is asked for what it counts.
                ["load_stats_config"] = new JsonObject
                {
                    ["api_type"] = "GRPC",
                    ["transport_api_version"] = "V3",
                    ["grpc_services"] = new JsonArray(AdsConnection.Create(discoveryAddress)),
                },
            },
            ["dynamic_resources"] = new JsonObject
            {
                ["ads_config"] = new JsonObject
                {
                    ["api_type"] = "DELTA_GRPC",
                    ["transport_api_version"] = "V3",
                    ["set_node_on_first_message_only"] = true,
                    ["grpc_services"] = new JsonArray(AdsConnection.Create(discoveryAddress)),
                },
                ["cds_config"] = OverAds(TimeSpan.Zero),
                ["lds_config"] = OverAds(TimeSpan.Zero),
            },
            ["static_resources"] = new JsonObject
            {
                ["clusters"] = new JsonArray([
                    AdminInterface.Cluster(),
                    LimitMembers(),
                    .. ProbeResources.Clusters(
                        probes,
                        settings.BindsInbound ? settings.ApplicationAddress ?? EnvoyJson.Loopback : EnvoyJson.PodAddress,
                        settings.Interception != Interception.None
                    ),
                ]),
                ["listeners"] = new JsonArray([
                    .. AdminInterface.Listeners(),
                    .. endedBy is null ? Array.Empty<JsonObject>() : [CompletionListener.Create(endedBy)],
                    .. ProbeResources.Listener(probes) is { } listener ? new[] { listener } : [],
                ]),
            },
        };

    /// <summary>The word for it in annotations.</summary>
    internal static string ToWord(Interception interception) =>
        interception switch
        {
            Interception.External => "external",
            Interception.None => "none",
            _ => "redirect",
        };

    private static JsonObject Metadata(string ns, IDictionary<string, string> labels, SidecarSettings settings)
    {
        var metadata = new JsonObject
        {
            ["namespace"] = ns,
            ["pod_uid"] = "$(POD_UID)",
            ["labels"] = new JsonObject(
                labels.OrderBy(l => l.Key, StringComparer.Ordinal).Select(l => KeyValuePair.Create(l.Key, (JsonNode?)l.Value))
            ),
            ["interception"] = ToWord(settings.Interception),
        };
        if (settings.ProxyAddress is { } proxy)
            metadata[ProxyAddressKey] = proxy;
        if (settings.ApplicationAddress is { } application)
            metadata[ApplicationAddressKey] = application;
        return metadata;
    }

    private static JsonObject Statistics(JsonArray tags, SidecarSettings settings)
    {
        var statistics = new JsonObject { ["stats_tags"] = tags };
        if (StatisticsSelection.Create(settings.Statistics) is { } matcher)
            statistics["stats_matcher"] = matcher;
        return statistics;
    }

    /// <summary>Runtime values that hold for all listeners and clusters. Those of headers are what Envoy takes where a listener or cluster
    /// has no bound of its own.</summary>
    private static JsonObject Runtime(SidecarSettings settings) =>
        new()
        {
            ["re2.max_program_size.error_level"] = LargestExpression,
            // With a local cluster Envoy would also prefer endpoints by their zones.
            ["upstream.zone_routing.enabled"] = 0,
            ["envoy.reloadable_features.max_request_headers_count"] = settings.MaxHeaders,
            ["envoy.reloadable_features.max_request_headers_size_kb"] = settings.MaxHeaderKib,
            ["envoy.reloadable_features.max_response_headers_count"] = settings.MaxHeaders,
            ["envoy.reloadable_features.max_response_headers_size_kb"] = settings.MaxHeaderKib,
        };

    /// <summary>The pods with which the proxy shares rate limits: Envoy divides limits by the endpoints of its local cluster, which must be
    /// there from the start. Nothing is sent to them.</summary>
    private static JsonObject LimitMembers() =>
        new()
        {
            ["name"] = MeshNames.LimitMembersCluster,
            ["type"] = "EDS",
            ["eds_cluster_config"] = new JsonObject { ["eds_config"] = OverAds(RuntimeTimeout) },
        };

    /// <summary>By ADS.</summary>
    /// <param name="timeout">How long the proxy's start waits for it; zero for ever.</param>
    private static JsonObject OverAds(TimeSpan timeout) =>
        new()
        {
            ["ads"] = new JsonObject(),
            ["resource_api_version"] = "V3",
            ["initial_fetch_timeout"] = EnvoyJson.Duration(timeout),
        };
}
