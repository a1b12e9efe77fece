using Envoy.Config.Core.V3;
using Envoy.Config.Route.V3;
using Envoy.Extensions.Filters.Http.Rbac.V3;
using Envoy.Extensions.Filters.Network.HttpConnectionManager.V3;
using MeshOperator.Xds.Translation.Shared;
using EnvoyRoute = Envoy.Config.Route.V3.Route;

namespace MeshOperator.Xds.Translation.Inbound;

/// <summary>Makes the routes of a port of the pod itself: everything goes to the application, as far as the access rules and rate limits
/// let it.</summary>
internal static class InboundRoutes
{
    /// <summary>Where the routes come from. A listener waits for them as long as it takes: without its rules it must not open, and until
    /// then the one before goes on.</summary>
    public static Rds Source(InboundTarget target) => new() { ConfigSource = InboundFilters.Source, RouteConfigName = target.Name };

    /// <summary>The routes of a target.</summary>
    public static RouteConfiguration Routes(InboundTarget target)
    {
        var route = new EnvoyRoute
        {
            Name = "default",
            Match = new RouteMatch { Prefix = "/" },

            // The client's proxy has the timeouts.
            Route_ = new RouteAction { Cluster = target.Name, Timeout = EnvoyMessages.Duration(TimeSpan.Zero) },
        };
        foreach (var (name, rbac) in AccessBuilder.Http(target.Port.Access))
            route.TypedPerFilterConfig.Add(AccessBuilder.HttpFilter(name), EnvoyMessages.Pack(new RBACPerRoute { Rbac = rbac }));
        foreach (var slot in InboundNames.Limits(target).Take(target.Port.Limits.Count))
            route.TypedPerFilterConfig.Add(slot, EnvoyMessages.On);
        return new RouteConfiguration
        {
            Name = target.Name,
            ResponseHeadersToRemove = { NotSent.Header },
            VirtualHosts =
            {
                new VirtualHost
                {
                    Name = target.Name,
                    Domains = { "*" },
                    Routes = { route },
                },
            },
        };
    }
}
