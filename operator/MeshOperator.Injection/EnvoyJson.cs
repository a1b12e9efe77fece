using System.Globalization;
using System.Text.Json.Nodes;

namespace MeshOperator.Injection;

/// <summary>Pieces of Envoy's configuration as JSON. The whole is an argument of a container, in which the kubelet replaces
/// <c>$(NAME)</c> by environment variables.</summary>
internal static class EnvoyJson
{
    /// <summary>The pod's loopback.</summary>
    public const string Loopback = "127.0.0.1";

    /// <summary>The pod's address, of the family in which the kubelet speaks to it.</summary>
    public const string PodAddress = "$(POD_IP)";

    /// <summary>Text in which the kubelet replaces nothing.</summary>
    public static string Literal(string text) => text.Replace("$", "$$", StringComparison.Ordinal);

    public static string Duration(TimeSpan duration) => string.Create(CultureInfo.InvariantCulture, $"{duration.TotalSeconds:0.###}s");

    public static JsonObject Address(string address, int port) =>
        new()
        {
            ["socket_address"] = new JsonObject { ["address"] = address, ["port_value"] = port },
        };

    /// <summary>A message inside of a <c>google.protobuf.Any</c>.</summary>
    public static JsonObject Typed(string type, JsonObject message)
    {
        message.Insert(0, "@type", $"type.googleapis.com/{type}");
        return message;
    }

    /// <summary>An extension by name and configuration.</summary>
    public static JsonObject Filter(string name, string type, JsonObject message) =>
        new() { ["name"] = name, ["typed_config"] = Typed(type, message) };

    public static JsonObject StaticCluster(string name, JsonObject address, string connectTimeout) =>
        new()
        {
            ["name"] = name,
            ["type"] = "STATIC",
            ["connect_timeout"] = connectTimeout,
            ["load_assignment"] = new JsonObject
            {
                ["cluster_name"] = name,
                ["endpoints"] = new JsonArray(
                    new JsonObject
                    {
                        ["lb_endpoints"] = new JsonArray(new JsonObject { ["endpoint"] = new JsonObject { ["address"] = address } }),
                    }
                ),
            },
        };

    public static JsonObject ConnectionManager(string name, IEnumerable<JsonObject> routes, IEnumerable<JsonObject> filters) =>
        new()
        {
            ["stat_prefix"] = name,
            ["http_filters"] = new JsonArray([
                .. filters,
                Filter(
                    "envoy.filters.http.router",
                    "envoy.extensions.filters.http.router.v3.Router",
                    new JsonObject { ["suppress_envoy_headers"] = true }
                ),
            ]),
            ["route_config"] = new JsonObject
            {
                ["name"] = name,
                ["virtual_hosts"] = new JsonArray(
                    new JsonObject
                    {
                        ["name"] = name,
                        ["domains"] = new JsonArray("*"),
                        ["routes"] = new JsonArray([.. routes]),
                    }
                ),
            },
        };

    /// <summary>A listener of whoever looks after the pod, who must get an answer however much the proxy has to do.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="address">Its address: to be reached from outside, <see cref="PodAddress"/>. Not every node has IPv6, and on some there
    /// is nothing else.</param>
    /// <param name="port">Its port.</param>
    /// <param name="connectionManager">What it does with requests.</param>
    public static JsonObject ExemptListener(string name, string address, int port, JsonObject connectionManager)
    {
        var listener = Listener(name, address, port, connectionManager);
        listener.Insert(2, "ignore_global_conn_limit", true);
        listener.Insert(3, "bypass_overload_manager", true);
        return listener;
    }

    /// <summary>A listener that the proxy's limits hold for.</summary>
    public static JsonObject Listener(string name, string address, int port, JsonObject connectionManager) =>
        new()
        {
            ["name"] = name,
            ["address"] = Address(address, port),
            ["filter_chains"] = new JsonArray(
                new JsonObject
                {
                    ["filters"] = new JsonArray(
                        Filter(
                            "envoy.filters.network.http_connection_manager",
                            "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
                            connectionManager
                        )
                    ),
                }
            ),
        };
}
