using System.Text.Json.Nodes;
using MeshOperator.Api;

namespace MeshOperator.Injection;

/// <summary>How a proxy connects to the operator (envoy.config.core.v3.GrpcService as JSON). Envoy's own waits between streams are fixed
/// with gRPC's C core and become 30 s. So a stream waits for the connection in place of failing, and the connection is tried again as is
/// said here.</summary>
internal static class AdsConnection
{
    private const string Plugin = "envoy.grpc_credentials.file_based_metadata";

    /// <summary>gRPC's service config: calls wait until there is a connection.</summary>
    private const string WaitForReady = """{"methodConfig":[{"name":[{}],"waitForReady":true}]}""";

    private static readonly TimeSpan KeepaliveTime = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan KeepaliveTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan FirstBackoff = TimeSpan.FromMilliseconds(500);

    /// <summary>The longest wait between two attempts, sooner or later by a fifth (gRPC's connection back-off). Proxies come back within
    /// it.</summary>
    private static readonly TimeSpan LongestBackoff = TimeSpan.FromSeconds(2);

    /// <summary>How long an attempt may take.</summary>
    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(1);

    /// <summary>gRPC asks for addresses of both families and waits for both answers, also where a file has the address. After this it takes
    /// what it has.</summary>
    private static readonly TimeSpan NameTimeout = TimeSpan.FromSeconds(1);

    /// <summary>The connection.</summary>
    /// <param name="address"><c>host:port</c> of ADS over TLS.</param>
    public static JsonObject Create(string address)
    {
        var token = new JsonObject
        {
            ["@type"] = "type.googleapis.com/envoy.config.grpc_credential.v3.FileBasedMetadataConfig",
            ["secret_data"] = new JsonObject { ["filename"] = $"{ProxyBootstrap.TokenFolder}/{ProxyBootstrap.TokenFile}" },
            ["header_key"] = "authorization",
            ["header_prefix"] = "Bearer ",
        };
        return new JsonObject
        {
            ["google_grpc"] = new JsonObject
            {
                ["target_uri"] = address,
                ["stat_prefix"] = "ads",
                ["channel_credentials"] = new JsonObject
                {
                    ["ssl_credentials"] = new JsonObject
                    {
                        ["root_certs"] = new JsonObject { ["filename"] = $"{ProxyBootstrap.TrustFolder}/{MeshNames.CaCertificateKey}" },
                    },
                },
                ["call_credentials"] = new JsonArray(
                    new JsonObject
                    {
                        ["from_plugin"] = new JsonObject { ["name"] = Plugin, ["typed_config"] = token },
                    }
                ),
                ["credentials_factory_name"] = Plugin,
                ["channel_args"] = new JsonObject { ["args"] = Arguments() },
            },
        };
    }

    /// <summary>gRPC core's channel arguments.</summary>
    private static JsonObject Arguments() =>
        new()
        {
            // PINGs, so that a lost operator is noticed.
            ["grpc.keepalive_time_ms"] = Milliseconds(KeepaliveTime),
            ["grpc.keepalive_timeout_ms"] = Milliseconds(KeepaliveTimeout),
            ["grpc.http2.max_pings_without_data"] = Number(0),

            ["grpc.service_config"] = new JsonObject { ["string_value"] = WaitForReady },
            ["grpc.initial_reconnect_backoff_ms"] = Milliseconds(FirstBackoff),
            ["grpc.max_reconnect_backoff_ms"] = Milliseconds(LongestBackoff),
            ["grpc.min_reconnect_backoff_ms"] = Milliseconds(ConnectTimeout),

            // Of the name server only addresses: no TXT and no SRV records.
            ["grpc.service_config_disable_resolution"] = Number(1),
            ["grpc.dns_enable_srv_queries"] = Number(0),
            ["grpc.dns_ares_query_timeout"] = Milliseconds(NameTimeout),
        };

    private static JsonObject Milliseconds(TimeSpan time) => Number((int)time.TotalMilliseconds);

    private static JsonObject Number(int value) => new() { ["int_value"] = value };
}
