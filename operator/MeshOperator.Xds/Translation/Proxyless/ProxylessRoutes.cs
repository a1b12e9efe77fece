using Envoy.Config.Route.V3;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Translation.Outbound;
using MeshOperator.Xds.Translation.Shared;
using EnvoyRoute = Envoy.Config.Route.V3.Route;
using HashPolicy = Envoy.Config.Route.V3.RouteAction.Types.HashPolicy;

namespace MeshOperator.Xds.Translation.Proxyless;

/// <summary>Makes the route configuration of a service port in the form that gRPC takes. Mirrors, changes of headers and idle timeouts
/// it does not know; they are left out, and so is a rule whose match it cannot decide.</summary>
internal static class ProxylessRoutes
{
    /// <summary>By this key gRPC hashes the channel itself (gRFC A42): the nearest that a library has to the client's address.</summary>
    private const string ChannelId = "io.grpc.channel_id";

    public static RouteConfiguration Configuration(MeshServicePort port) =>
        RouteBuilder.Configuration(port, Names.Outbound(port.Service, port.Port), port.Routes.Select(Route).OfType<EnvoyRoute>());

    /// <summary>Whether calls can be kept at one endpoint by it: there are no cookies to make.</summary>
    public static bool IsSupported(HttpRoute route) => route.Sticky is { NeedsCookie: false };

    private static EnvoyRoute? Route(HttpRoute route)
    {
        if (ProxylessMatch.Create(route.Match) is not { } match)
            return null;
        var action = new RouteAction { RetryPolicy = ProxylessRetry.Policy(route.Retry) };

        // gRPC cannot answer a share of the calls by itself: some of its libraries refuse a route without a cluster. A cluster without
        // endpoints fails each call with UNAVAILABLE; one that waits for a connection waits until its deadline.
        RouteBuilder.SetClusters(action, BackendSplit.ByCluster(route.Backends, Cluster, Names.MissingBackend));

        // Older gRPC refuses weights whose sum it is not given.
        if (action.WeightedClusters is { } split)
            split.TotalWeight = (uint)split.Clusters.Sum(cluster => cluster.Weight!.Value);

        // gRPC ignores the timeout of a route; this is the bound on a call's deadline (gRFC A31).
        if (route.RequestTimeout is { } timeout)
            action.MaxStreamDuration = new() { MaxStreamDuration_ = EnvoyMessages.Duration(timeout) };
        if ((route.Sticky ?? route.Hash) is { NeedsCookie: false } key)
            action.HashPolicy.Add(Hash(key));
        var result = new EnvoyRoute
        {
            Name = route.Name,
            Match = match,
            Route_ = action,
        };
        FaultBuilder.Apply(route.Fault, result);
        return result;

        string Cluster(BackendTarget target) => route.Shift is { } shift ? Names.Shift(target, shift) : Names.Outbound(target);
    }

    private static HashPolicy Hash(StickySession sticky) =>
        sticky.Key is StickyKey.Header ? RouteBuilder.HashPolicy(sticky) : new HashPolicy { FilterState = new() { Key = ChannelId } };
}
