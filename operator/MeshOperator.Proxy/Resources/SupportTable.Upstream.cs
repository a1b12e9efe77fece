using Envoy.Config.Cluster.V3;
using Envoy.Config.Common.Matcher.V3;
using Envoy.Config.Core.V3;
using Envoy.Config.Endpoint.V3;
using Envoy.Extensions.Http.HeaderFormatters.PreserveCase.V3;
using Envoy.Extensions.LoadBalancingPolicies.ClientSideWeightedRoundRobin.V3;
using Envoy.Extensions.LoadBalancingPolicies.Common.V3;
using Envoy.Extensions.LoadBalancingPolicies.LeastRequest.V3;
using Envoy.Extensions.LoadBalancingPolicies.RoundRobin.V3;
using Envoy.Extensions.TransportSockets.RawBuffer.V3;
using Envoy.Extensions.TransportSockets.Tls.V3;
using Protocols = Envoy.Extensions.Upstreams.Http.V3.HttpProtocolOptions;
using Random = Envoy.Extensions.LoadBalancingPolicies.Random.V3.Random;

namespace MeshOperator.Proxy.Resources;

/// <summary>Clusters, endpoints and TLS.</summary>
internal static partial class SupportTable
{
    private static IEnumerable<MessageSupport> Clusters() =>
        [
            Create(Cluster.Descriptor)
                .CarriesAll()
                .Rejects("lrs_server")
                .Takes("type", "STATIC", "STRICT_DNS", "LOGICAL_DNS", "EDS", "ORIGINAL_DST")
                .Takes("lb_policy", "ROUND_ROBIN", "LEAST_REQUEST", "RING_HASH", "RANDOM", "MAGLEV", "CLUSTER_PROVIDED")
                .Leaves("names are resolved as the machine does it", "dns_lookup_family")
                .Leaves(Sockets, "upstream_connection_options"),
            Create(Cluster.Types.CommonLbConfig.Descriptor)
                .Carries("healthy_panic_threshold")
                .Leaves("changes of health take effect at once", "update_merge_window"),
            All(Cluster.Types.TransportSocketMatch.Descriptor),
            All(Cluster.Types.EdsClusterConfig.Descriptor),
            All(LoadBalancingPolicy.Descriptor),
            All(LoadBalancingPolicy.Types.Policy.Descriptor),
            Create(LeastRequest.Descriptor)
                .Carries("selection_method")
                .Takes("choice_count", "2")
                .Leaves(Zones, "locality_lb_config")
                .Leaves(SlowStart, "slow_start_config"),
            Create(RoundRobin.Descriptor).Leaves(Zones, "locality_lb_config").Leaves(SlowStart, "slow_start_config"),
            Create(Random.Descriptor).Leaves(Zones, "locality_lb_config"),
            Create(ClientSideWeightedRoundRobin.Descriptor)
                .Leaves(SlowStart, "slow_start_config")
                .Leaves(
                    LoadReports,
                    "enable_oob_load_report",
                    "oob_reporting_period",
                    "blackout_period",
                    "weight_expiration_period",
                    "error_utilization_penalty",
                    "metric_names_for_computing_utilization"
                ),
            All(LocalityLbConfig.Descriptor),
            Create(LocalityLbConfig.Types.ZoneAwareLbConfig.Descriptor).Leaves(Zones, "routing_enabled"),
            All(CircuitBreakers.Descriptor),
            All(CircuitBreakers.Types.Thresholds.Descriptor),
            All(CircuitBreakers.Types.Thresholds.Types.RetryBudget.Descriptor),
            Create(OutlierDetection.Descriptor)
                .CarriesAll()
                .Takes("enforcing_success_rate", "0")
                .Takes("enforcing_local_origin_success_rate", "0")
                .Rejects(
                    "failure_percentage_threshold",
                    "enforcing_failure_percentage",
                    "failure_percentage_minimum_hosts",
                    "failure_percentage_request_volume"
                ),
            All(Protocols.Descriptor).Leaves($"{LoadReports}; a copy of a request is sent while its body comes", "http_filters"),
            All(Protocols.Types.ExplicitHttpConfig.Descriptor),
            All(Protocols.Types.UseDownstreamHttpConfig.Descriptor),
            All(Protocols.Types.OutlierDetection.Descriptor),
            All(MatchPredicate.Descriptor),
            All(HttpHeadersMatch.Descriptor),
            Create(HttpProtocolOptions.Descriptor)
                .Carries("idle_timeout")
                .Leaves("the response to a copy of a request may take 15 s", "max_stream_duration")
                .Leaves("a connection is kept for any number of requests", "max_requests_per_connection"),
            Create(Http1ProtocolOptions.Descriptor)
                .Carries("accept_http_10", "default_host_for_http_10", "allow_custom_methods")
                .Leaves("trailers of HTTP/1.1 are not passed on; those of HTTP/2 are", "enable_trailers")
                .Leaves(Writing, "header_key_format")
                .Leaves("a length beside chunks is ignored", "allow_chunked_length"),
            All(Http1ProtocolOptions.Types.HeaderKeyFormat.Descriptor),
            Create(PreserveCaseFormatterConfig.Descriptor).Leaves(Writing, "forward_reason_phrase"),
            Create(Http2ProtocolOptions.Descriptor)
                .Carries("connection_keepalive")
                .Leaves(
                    "limits of streams, windows and frames are those of .NET",
                    "hpack_table_size",
                    "initial_stream_window_size",
                    "initial_connection_window_size",
                    "max_outbound_frames",
                    "max_outbound_control_frames",
                    "max_consecutive_inbound_frames_with_empty_payload",
                    "max_inbound_priority_frames_per_stream",
                    "max_inbound_window_update_frames_per_data_frame_sent",
                    "stream_reset_burst",
                    "stream_reset_rate"
                )
                .Leaves("1 has each request wait for its turn, as a queue needs; other numbers are those of .NET", "max_concurrent_streams")
                .Takes("override_stream_error_on_invalid_http_message", "true"),
            All(KeepaliveSettings.Descriptor),
            Create(BindConfig.Descriptor).Carries("source_address", "extra_source_addresses").Leaves(Sockets, "socket_options"),
            All(ExtraSourceAddress.Descriptor),
        ];

    private static IEnumerable<MessageSupport> Endpoints() =>
        [
            All(ClusterLoadAssignment.Descriptor),
            Create(ClusterLoadAssignment.Types.Policy.Descriptor)
                .Leaves("a later group is used when all endpoints before it are ejected", "overprovisioning_factor"),
            Create(LocalityLbEndpoints.Descriptor).Carries("lb_endpoints", "priority").Leaves(Zones, "locality", "load_balancing_weight"),
            All(LbEndpoint.Descriptor),
            Create(Endpoint.Descriptor)
                .Carries("address")
                .Leaves("the first address is used", "additional_addresses")
                .Leaves("is for checks of health", "hostname"),
        ];

    private static IEnumerable<MessageSupport> Tls() =>
        [
            All(RawBuffer.Descriptor),
            All(Secret.Descriptor),
            All(TlsCertificate.Descriptor),
            All(CertificateValidationContext.Descriptor),
            Create(SubjectAltNameMatcher.Descriptor).Carries("matcher").Takes("san_type", "URI"),
            All(SdsSecretConfig.Descriptor),
            All(CommonTlsContext.Descriptor),
            All(CommonTlsContext.Types.CombinedCertificateValidationContext.Descriptor),
            Create(TlsParameters.Descriptor)
                .Carries("cipher_suites")
                .Takes("tls_minimum_protocol_version", "TLSv1_2", "TLSv1_3")
                .Takes("tls_maximum_protocol_version", "TLSv1_2", "TLSv1_3"),
            All(UpstreamTlsContext.Descriptor),
            All(DownstreamTlsContext.Descriptor),
        ];
}
