using System.Globalization;
using System.Text.Json.Nodes;
using MeshOperator.Api;

namespace MeshOperator.Injection.Probes;

/// <summary>Makes what the proxy needs to answer probes in the application's place: a listener for the kubelet, and clusters that are the
/// application. HTTP is passed on. Of TCP and gRPC the proxy does the checks itself, and its health check filter reports the last
/// result.</summary>
internal static class ProbeResources
{
    private const string ListenerName = "probes";

    /// <summary>How soon it is noticed that an application came up, or came back.</summary>
    private static readonly TimeSpan UnhealthyInterval = TimeSpan.FromSeconds(1);

    /// <summary>The listener, or null where no probe needs one.</summary>
    public static JsonObject? Listener(IReadOnlyList<ApplicationProbe> probes)
    {
        if (probes.Count == 0)
            return null;
        var checks = probes
            .Where(IsCheck)
            .Select(probe =>
                EnvoyJson.Filter(
                    $"{ClusterName(probe)}",
                    "envoy.extensions.filters.http.health_check.v3.HealthCheck",
                    new JsonObject
                    {
                        ["pass_through_mode"] = false,
                        ["cluster_min_healthy_percentages"] = new JsonObject { [ClusterName(probe)] = new JsonObject { ["value"] = 100 } },
                        ["headers"] = new JsonArray(
                            new JsonObject
                            {
                                ["name"] = ":path",
                                ["string_match"] = new JsonObject { ["exact"] = probe.Path },
                            }
                        ),
                    }
                )
            );
        var routes = probes.Where(probe => !IsCheck(probe)).Select(Route).Append(Nothing());
        var manager = EnvoyJson.ConnectionManager(ListenerName, routes, checks);

        // What the application sees is what the kubelet sent.
        manager["generate_request_id"] = false;
        manager["skip_xff_append"] = true;
        manager["server_header_transformation"] = "PASS_THROUGH";
        manager["stream_idle_timeout"] = "0s";
        return EnvoyJson.ExemptListener(ListenerName, EnvoyJson.PodAddress, ProxyPort.Probes, manager);
    }

    /// <summary>The clusters: one for each port that is asked over HTTP, and one for each check.</summary>
    /// <param name="probes">The probes.</param>
    /// <param name="address">The address at which the application listens.</param>
    /// <param name="isCaptured">Whether rules redirect connections of the pod to itself. They spare those from
    /// <see cref="ProxySource"/>.</param>
    public static IEnumerable<JsonObject> Clusters(IReadOnlyList<ApplicationProbe> probes, string address, bool isCaptured)
    {
        foreach (var group in probes.GroupBy(ClusterName))
        {
            var probe = group.First();
            var cluster = EnvoyJson.StaticCluster(
                group.Key,
                EnvoyJson.Address(address, probe.Port),
                EnvoyJson.Duration(group.Max(p => p.Timeout))
            );
            if (isCaptured)
                cluster["upstream_bind_config"] = SourceAddress();
            if (Protocol(probe.Protocol) is { } options)
                cluster["typed_extension_protocol_options"] = new JsonObject
                {
                    ["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"] = options,
                };
            if (Tls(probe.Protocol) is { } tls)
                cluster["transport_socket"] = tls;
            if (IsCheck(probe))
                cluster["health_checks"] = new JsonArray(Check(probe));
            yield return cluster;
        }
    }

    private static bool IsCheck(ApplicationProbe probe) =>
        probe.Protocol is ProbeProtocol.Tcp or ProbeProtocol.Grpc or ProbeProtocol.GrpcOverTls;

    private static string ClusterName(ApplicationProbe probe) =>
        probe.Protocol switch
        {
            ProbeProtocol.Http => string.Create(CultureInfo.InvariantCulture, $"application/{probe.Port}"),
            ProbeProtocol.Https => string.Create(CultureInfo.InvariantCulture, $"application/{probe.Port}/tls"),
            _ => probe.Path.TrimStart('/'),
        };

    /// <summary>Without a timeout: the kubelet has one, and ends the request with it. A redirect counts as success and is not followed, as
    /// it leads past the proxy.</summary>
    private static JsonObject Route(ApplicationProbe probe) =>
        new()
        {
            ["match"] = new JsonObject { ["path"] = probe.Path },
            ["route"] = new JsonObject
            {
                ["cluster"] = ClusterName(probe),
                ["prefix_rewrite"] = EnvoyJson.Literal(probe.Target),
                ["timeout"] = "0s",
            },
            ["response_headers_to_remove"] = new JsonArray("location"),
        };

    private static JsonObject Nothing() =>
        new()
        {
            ["match"] = new JsonObject { ["prefix"] = "/" },
            ["direct_response"] = new JsonObject
            {
                ["status"] = 404,
                ["body"] = new JsonObject { ["inline_string"] = "This is the path of no probe.\n" },
            },
        };

    private static JsonObject Check(ApplicationProbe probe)
    {
        var period = EnvoyJson.Duration(probe.Period);
        var soon = EnvoyJson.Duration(probe.Period < UnhealthyInterval ? probe.Period : UnhealthyInterval);
        var check = new JsonObject
        {
            ["timeout"] = EnvoyJson.Duration(probe.Timeout),
            ["interval"] = period,
            ["unhealthy_interval"] = soon,

            // No requests are routed to these clusters, and of such ones Envoy would look every minute only.
            ["no_traffic_interval"] = soon,
            ["no_traffic_healthy_interval"] = period,

            // The kubelet counts for itself.
            ["healthy_threshold"] = 1,
            ["unhealthy_threshold"] = 1,

            // As the kubelet does: a server that takes no new connections is not well.
            ["reuse_connection"] = false,
        };
        if (probe.Protocol == ProbeProtocol.Tcp)
        {
            check["tcp_health_check"] = new JsonObject();
            return check;
        }

        // The name of the cluster would be no host name.
        var grpc = new JsonObject { ["authority"] = string.Create(CultureInfo.InvariantCulture, $"localhost:{probe.Port}") };
        if (probe.Target.Length > 0)
            grpc["service_name"] = EnvoyJson.Literal(probe.Target);
        check["grpc_health_check"] = grpc;
        return check;
    }

    private static JsonObject SourceAddress() =>
        new()
        {
            ["source_address"] = new JsonObject { ["address"] = ProxySource.Ipv4, ["port_value"] = 0 },
            ["extra_source_addresses"] = new JsonArray(
                new JsonObject
                {
                    ["address"] = new JsonObject { ["address"] = ProxySource.Ipv6, ["port_value"] = 0 },
                }
            ),
        };

    /// <summary>A connection for each request, as the kubelet makes them.</summary>
    private static JsonObject? Protocol(ProbeProtocol protocol)
    {
        var options = protocol switch
        {
            ProbeProtocol.Http => new JsonObject
            {
                ["explicit_http_config"] = new JsonObject { ["http_protocol_options"] = new JsonObject() },
            },
            ProbeProtocol.Https => new JsonObject
            {
                ["auto_config"] = new JsonObject
                {
                    ["http_protocol_options"] = new JsonObject(),
                    ["http2_protocol_options"] = new JsonObject(),
                },
            },
            ProbeProtocol.Grpc or ProbeProtocol.GrpcOverTls => new JsonObject
            {
                ["explicit_http_config"] = new JsonObject { ["http2_protocol_options"] = new JsonObject() },
            },
            _ => null,
        };
        if (options is null)
            return null;
        if (protocol is ProbeProtocol.Http or ProbeProtocol.Https)
            options["common_http_protocol_options"] = new JsonObject { ["max_requests_per_connection"] = 1 };
        return EnvoyJson.Typed("envoy.extensions.upstreams.http.v3.HttpProtocolOptions", options);
    }

    /// <summary>TLS without a look at the certificate, as the kubelet does it.</summary>
    private static JsonObject? Tls(ProbeProtocol protocol)
    {
        if (protocol is not (ProbeProtocol.Https or ProbeProtocol.GrpcOverTls))
            return null;
        var common = new JsonObject { ["tls_params"] = new JsonObject { ["tls_maximum_protocol_version"] = "TLSv1_3" } };
        if (protocol is ProbeProtocol.GrpcOverTls)
            common["alpn_protocols"] = new JsonArray("h2");
        return EnvoyJson.Filter(
            "envoy.transport_sockets.tls",
            "envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            new JsonObject { ["common_tls_context"] = common }
        );
    }
}
