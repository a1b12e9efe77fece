using Envoy.Config.Cluster.V3;
using Envoy.Config.Core.V3;
using Envoy.Extensions.LoadBalancingPolicies.ClientSideWeightedRoundRobin.V3;
using Envoy.Extensions.LoadBalancingPolicies.Common.V3;
using Envoy.Extensions.LoadBalancingPolicies.LeastRequest.V3;
using Envoy.Extensions.LoadBalancingPolicies.Random.V3;
using Envoy.Extensions.LoadBalancingPolicies.RoundRobin.V3;
using Envoy.Type.V3;
using Google.Protobuf;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Translation.Shared;
using LoadBalancingPolicy = Envoy.Config.Cluster.V3.LoadBalancingPolicy;
using ZoneAware = Envoy.Extensions.LoadBalancingPolicies.Common.V3.LocalityLbConfig.Types.ZoneAwareLbConfig;

namespace MeshOperator.Xds.Translation.Outbound;

/// <summary>Says in a cluster how one of its endpoints is chosen for a request.</summary>
internal static class EndpointChoice
{
    /// <summary>Up to so many endpoints all are looked at. Beyond it the better of two drawn at random is close enough, and costs the same
    /// however many there are.</summary>
    private const int FewEndpoints = 64;

    /// <summary>A request that failed counts as if it had taken the whole endpoint. Envoy takes nothing for no penalty, against its
    /// documentation, and an endpoint that fails quickly is little used.</summary>
    private const float ErrorPenalty = 1;

    /// <summary>Endpoints of all zones are alike.</summary>
    private static readonly LocalityLbConfig AllZones = new()
    {
        ZoneAwareLbConfig = new ZoneAware { RoutingEnabled = new Percent { Value = 0 } },
    };

    /// <summary>Adds it for a proxy.</summary>
    public static void Apply(MeshServicePort port, Cluster cluster)
    {
        if (port.Balancing.Method is LoadBalancingMethod.Hash)
            cluster.LbPolicy = Cluster.Types.LbPolicy.RingHash;
        else
            cluster.LoadBalancingPolicy = new LoadBalancingPolicy { Policies = { Policy(port) } };
    }

    /// <summary>Adds it for a gRPC library, as far as it can do it. Older ones only know round robin and the ring.</summary>
    public static void ApplyProxyless(BalancingSettings balancing, Cluster cluster)
    {
        cluster.LbPolicy = balancing.Hash is { NeedsCookie: false } ? Cluster.Types.LbPolicy.RingHash : Cluster.Types.LbPolicy.RoundRobin;
        if (balancing.Utilization is { } reports)
            cluster.LoadBalancingPolicy = new LoadBalancingPolicy
            {
                Policies = { Policy("client_side_weighted_round_robin", Weighted(reports)) },
            };
    }

    /// <summary>Adds when endpoints that were ejected are used all the same.</summary>
    public static void ApplyPanic(BalancingSettings balancing, Cluster cluster)
    {
        if (balancing.PanicPercent is { } percent)
            (cluster.CommonLbConfig ??= new()).HealthyPanicThreshold = new Percent { Value = percent };
    }

    private static LoadBalancingPolicy.Types.Policy Policy(MeshServicePort port)
    {
        var balancing = port.Balancing;
        var slowStart = balancing.SlowStart is { } start ? Slowly(start) : null;
        return balancing.Method switch
        {
            LoadBalancingMethod.RoundRobin => Policy(
                "round_robin",
                new RoundRobin { SlowStartConfig = slowStart, LocalityLbConfig = AllZones }
            ),
            LoadBalancingMethod.Random => Policy(
                "random",
                new Envoy.Extensions.LoadBalancingPolicies.Random.V3.Random { LocalityLbConfig = AllZones }
            ),
            LoadBalancingMethod.Utilization => Policy("client_side_weighted_round_robin", Weighted(ForSidecars(port), slowStart)),
            _ => Policy("least_request", LeastLoaded(port.Endpoints.Count, slowStart)),
        };
    }

    private static LoadBalancingPolicy.Types.Policy Policy(string name, IMessage settings) =>
        new()
        {
            TypedExtensionConfig = new TypedExtensionConfig
            {
                Name = $"envoy.load_balancing_policies.{name}",
                TypedConfig = EnvoyMessages.Pack(settings),
            },
        };

    private static LeastRequest LeastLoaded(int endpoints, SlowStartConfig? slowStart) =>
        new()
        {
            SlowStartConfig = slowStart,
            LocalityLbConfig = AllZones,
            SelectionMethod =
                endpoints <= FewEndpoints ? LeastRequest.Types.SelectionMethod.FullScan : LeastRequest.Types.SelectionMethod.NChoices,
        };

    /// <summary>A proxy calls an endpoint for its report with an ALPN of its own, by which a server's proxy takes it for the application's
    /// own TLS: endpoints that take mutual TLS are not called, and their responses are read.</summary>
    private static UtilizationReports ForSidecars(MeshServicePort port) =>
        port.Balancing.Utilization! is { ReportingPeriod: not null } reports
        && port.Endpoints.Any(endpoint => endpoint.Identity is not null)
            ? reports with
            {
                ReportingPeriod = null,
            }
            : port.Balancing.Utilization!;

    private static ClientSideWeightedRoundRobin Weighted(UtilizationReports reports, SlowStartConfig? slowStart = null)
    {
        var weighted = new ClientSideWeightedRoundRobin
        {
            BlackoutPeriod = EnvoyMessages.Duration(reports.BlackoutPeriod),
            WeightExpirationPeriod = EnvoyMessages.Duration(reports.ExpirationPeriod),
            ErrorUtilizationPenalty = ErrorPenalty,
            MetricNamesForComputingUtilization = { reports.MetricNames },
            SlowStartConfig = slowStart,
        };
        if (reports.ReportingPeriod is { } period)
        {
            weighted.EnableOobLoadReport = true;
            weighted.OobReportingPeriod = EnvoyMessages.Duration(period);
        }

        return weighted;
    }

    private static SlowStartConfig Slowly(SlowStart start) =>
        new()
        {
            SlowStartWindow = EnvoyMessages.Duration(start.Window),
            MinWeightPercent = new Percent { Value = start.MinWeightPercent },
        };
}
