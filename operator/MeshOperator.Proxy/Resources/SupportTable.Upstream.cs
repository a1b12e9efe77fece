using Envoy.Config.Cluster.V3;
using Envoy.Config.Common.Matcher.V3;
using Envoy.Config.Core.V3;
using Envoy.Config.Endpoint.V3;
using Envoy.Extensions.TransportSockets.RawBuffer.V3;
using Envoy.Extensions.TransportSockets.Tls.V3;
using Protocols = Envoy.Extensions.Upstreams.Http.V3.HttpProtocolOptions;

namespace MeshOperator.Proxy.Resources;

/// <summary>Clusters, endpoints and TLS.</summary>
internal static partial class SupportTable
{
    private static IEnumerable<MessageSupport> Clusters() =>
        [
            Create(Cluster.Descriptor)
                .CarriesAll()
                .Takes("type", "STATIC", "STRICT_DNS", "LOGICAL_DNS", "EDS", "ORIGINAL_DST")
                .Takes("lb_policy", "ROUND_ROBIN", "LEAST_REQUEST", "RING_HASH", "RANDOM", "MAGLEV", "CLUSTER_PROVIDED")
                .Leaves("names are resolved as the machine does it", "dns_lookup_family")
                .Leaves(Sockets, "upstream_connection_options"),
            All(Cluster.Types.CommonLbConfig.Descriptor),
            All(Cluster.Types.TransportSocketMatch.Descriptor),
            All(Cluster.Types.EdsClusterConfig.Descriptor),
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
            All(Protocols.Descriptor),
            All(Protocols.Types.ExplicitHttpConfig.Descriptor),
            All(Protocols.Types.UseDownstreamHttpConfig.Descriptor),
            All(Protocols.Types.OutlierDetection.Descriptor),
            All(MatchPredicate.Descriptor),
            All(HttpHeadersMatch.Descriptor),
            All(HttpProtocolOptions.Descriptor),
            Create(Http1ProtocolOptions.Descriptor)
                .Carries("accept_http_10", "default_host_for_http_10")
                .Leaves("trailers of HTTP/1.1 are not passed on; those of HTTP/2 are", "enable_trailers"),
            All(Http2ProtocolOptions.Descriptor),
            All(KeepaliveSettings.Descriptor),
            Create(BindConfig.Descriptor).Carries("source_address", "extra_source_addresses").Leaves(Sockets, "socket_options"),
            All(ExtraSourceAddress.Descriptor),
        ];

    private static IEnumerable<MessageSupport> Endpoints() =>
        [
            All(ClusterLoadAssignment.Descriptor),
            Create(LocalityLbEndpoints.Descriptor)
                .Carries("lb_endpoints")
                .Takes("priority", "0")
                .Leaves(
                    "endpoints of all zones are used alike, as Envoy does without a policy of zones",
                    "locality",
                    "load_balancing_weight"
                ),
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
