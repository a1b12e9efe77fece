using Envoy.Config.Rbac.V3;
using Envoy.Extensions.Common.Ratelimit.V3;
using Envoy.Extensions.Filters.Common.Fault.V3;
using Envoy.Extensions.Filters.Common.SetFilterState.V3;
using Envoy.Extensions.Filters.Http.Fault.V3;
using Envoy.Extensions.Filters.Http.LocalRatelimit.V3;
using Envoy.Extensions.Filters.Http.Rbac.V3;
using Envoy.Extensions.Filters.Http.Router.V3;
using Envoy.Extensions.Filters.Network.TcpProxy.V3;
using Envoy.Extensions.Matching.CommonInputs.Network.V3;
using Envoy.Extensions.Matching.CommonInputs.Ssl.V3;
using Envoy.Extensions.Matching.InputMatchers.RuntimeFraction.V3;
using Xds.Type.Matcher.V3;
using ChooseEndpoint = Envoy.Extensions.Filters.Http.SetFilterState.V3.Config;
using HttpRbac = Envoy.Extensions.Filters.Http.Rbac.V3.RBAC;
using NetworkRbac = Envoy.Extensions.Filters.Network.Rbac.V3.RBAC;
using RbacAction = Envoy.Config.Rbac.V3.Action;
using Rules = Envoy.Config.Rbac.V3.RBAC;
using SetFilterState = Envoy.Extensions.Filters.Network.SetFilterState.V3.Config;

namespace MeshOperator.Proxy.Resources;

/// <summary>Filters of requests and connections.</summary>
internal static partial class SupportTable
{
    private static IEnumerable<MessageSupport> Filters() =>
        [
            Create(Router.Descriptor).Leaves("the built-in proxy has no such headers", "suppress_envoy_headers"),
            All(HTTPFault.Descriptor),
            All(FaultAbort.Descriptor),
            All(FaultDelay.Descriptor),
            Create(LocalRateLimit.Descriptor)
                .CarriesAll()
                .Leaves("the built-in proxy counts alone", "local_cluster_rate_limit")
                .Leaves("requests that no limit is for are not counted", "token_bucket")
                .Leaves(Statistics, "stat_prefix"),
            All(LocalRateLimitDescriptor.Descriptor),
            All(RateLimitDescriptor.Types.Entry.Descriptor),
            Create(HttpRbac.Descriptor).Carries("rules", "shadow_rules", "rules_stat_prefix", "shadow_rules_stat_prefix"),
            All(RBACPerRoute.Descriptor),
            Create(NetworkRbac.Descriptor)
                .Carries("rules", "shadow_rules", "enforcement_type", "matcher", "shadow_rules_stat_prefix")
                .Leaves(Statistics, "stat_prefix"),
            Create(Rules.Descriptor).Carries("policies").Takes("action", "ALLOW", "DENY"),
            Create(RbacAction.Descriptor).Carries("name").Takes("action", "ALLOW", "DENY"),
            All(Policy.Descriptor),
            All(Permission.Descriptor),
            All(Permission.Types.Set.Descriptor),
            All(Principal.Descriptor),
            All(Principal.Types.Set.Descriptor),
            All(Principal.Types.Authenticated.Descriptor),
            All(Matcher.Descriptor),
            All(Matcher.Types.OnMatch.Descriptor),
            All(Matcher.Types.MatcherList.Descriptor),
            All(Matcher.Types.MatcherList.Types.FieldMatcher.Descriptor),
            All(Matcher.Types.MatcherList.Types.Predicate.Descriptor),
            All(Matcher.Types.MatcherList.Types.Predicate.Types.SinglePredicate.Descriptor),
            All(SourceIPInput.Descriptor),
            All(UriSanInput.Descriptor),
            All(RuntimeFraction.Descriptor),
            Create(TcpProxy.Descriptor)
                .Carries("cluster", "weighted_clusters", "idle_timeout", "hash_policy")
                .Leaves(Statistics, "stat_prefix"),
            All(Envoy.Type.V3.HashPolicy.Descriptor),
            All(Envoy.Type.V3.HashPolicy.Types.SourceIp.Descriptor),
            All(TcpProxy.Types.WeightedCluster.Descriptor),
            All(TcpProxy.Types.WeightedCluster.Types.ClusterWeight.Descriptor),
            All(SetFilterState.Descriptor),
            All(ChooseEndpoint.Descriptor),
            Create(FilterStateValue.Descriptor)
                .Carries("format_string", "skip_if_empty")
                .Takes("object_key", "envoy.network.application_protocols", "envoy.network.transport_socket.original_dst_address"),
        ];
}
