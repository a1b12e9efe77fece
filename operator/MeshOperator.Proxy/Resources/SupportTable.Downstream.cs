using Envoy.Config.Accesslog.V3;
using Envoy.Config.Common.MutationRules.V3;
using Envoy.Config.Core.V3;
using Envoy.Config.Listener.V3;
using Envoy.Config.Route.V3;
using Envoy.Extensions.Filters.Listener.HttpInspector.V3;
using Envoy.Extensions.Filters.Listener.TlsInspector.V3;
using Envoy.Extensions.Filters.Network.HttpConnectionManager.V3;
using Envoy.Extensions.RequestId.Uuid.V3;
using Envoy.Extensions.Retry.Host.PreviousHosts.V3;
using Envoy.Extensions.Retry.Priority.PreviousPriorities.V3;
using Envoy.Service.Runtime.V3;
using Envoy.Type.Matcher.V3;
using Envoy.Type.V3;
using EarlyHeaderMutation = Envoy.Extensions.Http.EarlyHeaderMutation.HeaderMutation.V3.HeaderMutation;
using Extension = Envoy.Config.Core.V3.TypedExtensionConfig;
using Manager = Envoy.Extensions.Filters.Network.HttpConnectionManager.V3.HttpConnectionManager;
using XdsExtension = Xds.Core.V3.TypedExtensionConfig;

namespace MeshOperator.Proxy.Resources;

/// <summary>Listeners, connection managers and routes.</summary>
internal static partial class SupportTable
{
    private static IEnumerable<MessageSupport> Listeners() =>
        [
            Create(Listener.Descriptor)
                .CarriesAll()
                .Rejects("api_listener", "access_log")
                .Takes("use_original_dst", "false")
                .Takes("bind_to_port", "true")
                .Leaves(Statistics, "stat_prefix", "traffic_direction")
                .Leaves(Sockets, "socket_options", "max_connections_to_accept_per_socket_event"),
            All(AdditionalAddress.Descriptor),
            All(Filter.Descriptor),
            All(FilterChain.Descriptor),
            All(FilterChainMatch.Descriptor),
            All(ListenerFilter.Descriptor),
            All(ListenerFilterChainMatchPredicate.Descriptor),
            All(ListenerFilterChainMatchPredicate.Types.MatchSet.Descriptor),
            All(HttpInspector.Descriptor),
            Create(TlsInspector.Descriptor).Leaves("a buffer's size", "initial_read_buffer_size"),
        ];

    private static IEnumerable<MessageSupport> ConnectionManagers() =>
        [
            Create(Manager.Descriptor)
                .CarriesAll()
                .Rejects("access_log", "tracing")
                .Takes("codec_type", "AUTO")
                .Takes("use_remote_address", "false")
                .Takes("forward_client_cert_details", "SANITIZE", "SANITIZE_SET")
                .Takes("normalize_path", "false")
                .Takes("server_header_transformation", "PASS_THROUGH")
                .Leaves("the built-in proxy takes no orders by headers", "internal_address_config")
                .Leaves("a request's headers may take 60 s at all listeners", "request_headers_timeout"),
            Create(Manager.Types.SetCurrentClientCertDetails.Descriptor).Carries("uri"),
            Create(Manager.Types.UpgradeConfig.Descriptor).Takes("upgrade_type", "websocket", "CONNECT"),
            Create(RequestIDExtension.Descriptor).Leaves("the built-in proxy leaves x-request-id as it is", "typed_config"),
            Create(UuidRequestIdConfig.Descriptor).Takes("pack_trace_reason", "false"),
            All(LocalReplyConfig.Descriptor),
            Create(ResponseMapper.Descriptor).CarriesAll().Leaves(Outgrown, "status_code"),
            Create(AccessLogFilter.Descriptor).Carries("response_flag_filter").Leaves(Outgrown, "status_code_filter"),
            Create(ResponseFlagFilter.Descriptor).Takes("flags", "UF", "UO"),
            All(Rds.Descriptor),
            All(HttpFilter.Descriptor),
            All(EarlyHeaderMutation.Descriptor),
            All(HeaderMutation.Descriptor).Rejects("append"),
        ];

    private static IEnumerable<MessageSupport> Routes() =>
        [
            All(RouteConfiguration.Descriptor),
            All(VirtualHost.Descriptor),
            Create(Route.Descriptor)
                .CarriesAll()
                .Leaves("16 MiB of a body are kept for another attempt", "request_body_buffer_limit")
                .Leaves(LoadReports, "response_headers_to_remove"),
            Create(RouteMatch.Descriptor).CarriesAll().Leaves("CONNECT is answered with 404", "connect_matcher"),
            All(RouteMatch.Types.ConnectMatcher.Descriptor),
            All(HeaderMatcher.Descriptor),
            All(QueryParameterMatcher.Descriptor),
            All(WeightedCluster.Descriptor).Rejects("use_hash_policy"),
            All(WeightedCluster.Types.ClusterWeight.Descriptor),
            All(DirectResponseAction.Descriptor),
            All(RouteAction.Descriptor)
                .Rejects("rate_limits", "max_stream_duration")
                .Leaves("each attempt of a gRPC call says the time that its client gave it", "max_grpc_timeout"),
            All(RouteAction.Types.RequestMirrorPolicy.Descriptor),
            All(RouteAction.Types.HashPolicy.Descriptor).Rejects("filter_state"),
            All(RouteAction.Types.HashPolicy.Types.Header.Descriptor),
            All(RouteAction.Types.HashPolicy.Types.Cookie.Descriptor),
            All(RouteAction.Types.HashPolicy.Types.ConnectionProperties.Descriptor),
            All(RetryPolicy.Descriptor),
            All(RetryPolicy.Types.RetryPriority.Descriptor),
            All(PreviousPrioritiesConfig.Descriptor),
            All(RetryPolicy.Types.RetryHostPredicate.Descriptor),
            All(RetryPolicy.Types.RetryBackOff.Descriptor),
            All(RetryPolicy.Types.ResetHeader.Descriptor),
            All(RetryPolicy.Types.RateLimitedRetryBackOff.Descriptor),
            All(PreviousHostsPredicate.Descriptor),
            All(FilterConfig.Descriptor),
            All(RateLimit.Descriptor),
            All(RateLimit.Types.Action.Descriptor),
            All(RateLimit.Types.HitsAddend.Descriptor),
            All(RateLimit.Types.Action.Types.GenericKey.Descriptor),
            All(RateLimit.Types.Action.Types.RequestHeaders.Descriptor),
            All(RateLimit.Types.Action.Types.HeaderValueMatch.Descriptor),
        ];

    private static IEnumerable<MessageSupport> Shared() =>
        [
            All(Address.Descriptor),
            Create(SocketAddress.Descriptor).CarriesAll().Takes("protocol", "TCP"),
            Create(ConfigSource.Descriptor)
                .Carries("ads", "resource_api_version")
                .Rejects("self")
                .Leaves("what waits for a resource waits as long as it takes", "initial_fetch_timeout"),
            All(AggregatedConfigSource.Descriptor),
            All(SelfConfigSource.Descriptor),
            All(ExtensionConfigSource.Descriptor),
            All(Extension.Descriptor),
            All(XdsExtension.Descriptor),
            All(Metadata.Descriptor),
            All(RuntimeFractionalPercent.Descriptor),
            All(HeaderValue.Descriptor),
            All(HeaderValueOption.Descriptor),
            Create(DataSource.Descriptor).Carries("inline_bytes", "inline_string"),
            All(TransportSocket.Descriptor),
            Create(SubstitutionFormatString.Descriptor).Carries("text_format_source", "omit_empty_values"),
            All(Runtime.Descriptor),
            All(PathMatcher.Descriptor),
            All(RegexMatcher.Descriptor),
            All(StringMatcher.Descriptor),
            All(Int32Range.Descriptor),
            All(Percent.Descriptor),
            All(FractionalPercent.Descriptor),
            All(TokenBucket.Descriptor),
        ];
}
