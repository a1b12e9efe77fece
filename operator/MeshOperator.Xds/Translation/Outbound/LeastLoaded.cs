using Envoy.Config.Cluster.V3;
using Envoy.Config.Core.V3;
using Envoy.Extensions.LoadBalancingPolicies.Common.V3;
using Envoy.Extensions.LoadBalancingPolicies.LeastRequest.V3;
using Envoy.Type.V3;
using MeshOperator.Xds.Translation.Shared;
using ZoneAware = Envoy.Extensions.LoadBalancingPolicies.Common.V3.LocalityLbConfig.Types.ZoneAwareLbConfig;

namespace MeshOperator.Xds.Translation.Outbound;

/// <summary>Makes the policy that sends a request to the endpoint with the fewest requests in flight.</summary>
internal static class LeastLoaded
{
    /// <summary>Up to so many endpoints all are looked at. Beyond it the better of two drawn at random is close enough, and costs the same
    /// however many there are.</summary>
    private const int FewEndpoints = 64;

    /// <summary>Endpoints of all zones are alike.</summary>
    private static readonly LocalityLbConfig AllZones = new()
    {
        ZoneAwareLbConfig = new ZoneAware { RoutingEnabled = new Percent { Value = 0 } },
    };

    public static LoadBalancingPolicy Create(int endpoints) =>
        new()
        {
            Policies =
            {
                new LoadBalancingPolicy.Types.Policy
                {
                    TypedExtensionConfig = new TypedExtensionConfig
                    {
                        Name = "envoy.load_balancing_policies.least_request",
                        TypedConfig = EnvoyMessages.Pack(
                            new LeastRequest
                            {
                                LocalityLbConfig = AllZones,
                                SelectionMethod =
                                    endpoints <= FewEndpoints
                                        ? LeastRequest.Types.SelectionMethod.FullScan
                                        : LeastRequest.Types.SelectionMethod.NChoices,
                            }
                        ),
                    },
                },
            },
        };
}
