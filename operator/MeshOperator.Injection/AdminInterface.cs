using System.Text.Json.Nodes;
using MeshOperator.Api;

namespace MeshOperator.Injection;

/// <summary>The proxy's admin interface, which can also stop the proxy. It listens on a socket file in a volume that no other container
/// mounts; listeners pass on what others need of it. An abstract socket would not do: it belongs to the pod's network, which all containers
/// share.</summary>
internal static class AdminInterface
{
    /// <summary>The name of the cluster through which listeners reach it.</summary>
    public const string ClusterName = "admin";

    /// <summary>The socket file is for the proxy's user only: 0600.</summary>
    private const int Mode = 0b110_000_000;

    /// <summary>The histograms of gradual shifts as Envoy keeps them, which is ten times as fine as what Prometheus gets. The filter is
    /// <c>^cluster\.[^.]*/shift/[^.]*\.upstream_rq_time</c>.</summary>
    private const string ShiftLatencies =
        "/stats?format=json&usedonly&histogram_buckets=detailed"
        + "&filter=%5Ecluster%5C.%5B%5E.%5D*/shift/%5B%5E.%5D*%5C.upstream_rq_time";

    /// <summary>Pages that show and change nothing. Keys in them are redacted.</summary>
    private static readonly string[] Pages =
    [
        "/ready",
        "/stats",
        "/stats/prometheus",
        "/config_dump",
        "/clusters",
        "/listeners",
        "/certs",
        "/server_info",
    ];

    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(1);

    /// <summary>Where it listens.</summary>
    public static JsonObject Address() =>
        new()
        {
            ["pipe"] = new JsonObject { ["path"] = $"{ProxyBootstrap.AdminFolder}/{ProxyBootstrap.AdminSocket}", ["mode"] = Mode },
        };

    /// <summary>The cluster through which listeners reach it.</summary>
    public static JsonObject Cluster() => EnvoyJson.StaticCluster(ClusterName, Address(), EnvoyJson.Duration(ConnectTimeout));

    /// <summary>What others can reach of it: readiness, metrics, and on loopback the pages that show what the proxy does.</summary>
    public static IEnumerable<JsonObject> Listeners() =>
        [
            EnvoyJson.ExemptListener("admin", EnvoyJson.Loopback, ProxyPort.Admin, PagesManager()),
            Forward("readiness", ProxyPort.Readiness, ("/healthz/ready", "/ready")),
            Forward(
                "prometheus",
                ProxyPort.Prometheus,
                ("/stats/prometheus", "/stats/prometheus"),
                (MeshNames.ShiftLatencyPath, ShiftLatencies)
            ),
        ];

    /// <summary>Matches requests by their method and their whole path.</summary>
    public static JsonObject Match(string method, string path) =>
        new()
        {
            ["path"] = path,
            ["headers"] = new JsonArray(
                new JsonObject
                {
                    ["name"] = ":method",
                    ["string_match"] = new JsonObject { ["exact"] = method },
                }
            ),
        };

    /// <summary>Refuses all that no route before it is for.</summary>
    public static JsonObject Refusal(string text) =>
        new()
        {
            ["match"] = new JsonObject { ["prefix"] = "/" },
            ["direct_response"] = new JsonObject
            {
                ["status"] = 403,
                ["body"] = new JsonObject { ["inline_string"] = text },
            },
        };

    /// <summary>Paths are matched whole, and what would be read as another one by the admin interface is refused.</summary>
    private static JsonObject PagesManager()
    {
        var allowed = $"Only these pages can be read here, by GET: {string.Join(", ", Pages)}\n";
        var manager = EnvoyJson.ConnectionManager("admin", [.. Pages.Select(Page), Refusal(allowed)], []);
        manager["normalize_path"] = true;
        manager["path_with_escaped_slashes_action"] = "REJECT_REQUEST";
        return manager;
    }

    /// <summary>Without a timeout: a large page may take long through a slow port-forward.</summary>
    private static JsonObject Page(string path) =>
        new()
        {
            ["match"] = Match("GET", path),
            ["route"] = new JsonObject { ["cluster"] = ClusterName, ["timeout"] = "0s" },
        };

    /// <summary>A listener at the pod's address that passes on some paths and nothing else.</summary>
    private static JsonObject Forward(string name, int port, params (string Path, string AdminPath)[] pages) =>
        EnvoyJson.ExemptListener(
            name,
            EnvoyJson.PodAddress,
            port,
            EnvoyJson.ConnectionManager(name, [.. pages.Select(page => ForwardRoute(page.Path, page.AdminPath))], [])
        );

    private static JsonObject ForwardRoute(string path, string adminPath) =>
        new()
        {
            ["match"] = Match("GET", path),
            ["route"] = new JsonObject { ["cluster"] = ClusterName, ["prefix_rewrite"] = adminPath },
        };
}
