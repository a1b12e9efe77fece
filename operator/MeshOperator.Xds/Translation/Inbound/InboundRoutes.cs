using Envoy.Config.Core.V3;
using Envoy.Config.Route.V3;
using Envoy.Extensions.Filters.Http.Rbac.V3;
using Envoy.Extensions.Filters.Network.HttpConnectionManager.V3;
using Google.Protobuf.WellKnownTypes;
using MeshOperator.Xds.Translation.Shared;
using EnvoyRoute = Envoy.Config.Route.V3.Route;
using RetryPolicyDefaults = MeshOperator.Api.Policies.RetryPolicyDefaults;

namespace MeshOperator.Xds.Translation.Inbound;

/// <summary>Makes the routes of a port of the pod itself: everything goes to the application, as far as the access rules and rate limits
/// let it.</summary>
internal static class InboundRoutes
{
    /// <summary>Envoy takes a time up to this. An application that does not listen must not look idle to callers, who choose the endpoint
    /// with the fewest requests in flight: as soon as its refusals come at once, all of them go there.</summary>
    private static readonly TimeSpan RepeatWithin = TimeSpan.FromMilliseconds(50);

    private static readonly HeaderMatcher Idempotent = MatchBuilder.Methods([.. RetryPolicyDefaults.Methods]);

    /// <summary>Where the routes come from. A listener waits for them as long as it takes: without its rules it must not open, and until
    /// then the one before goes on.</summary>
    public static Rds Source(InboundTarget target) => new() { ConfigSource = InboundFilters.Source, RouteConfigName = target.Name };

    /// <summary>The routes of a target. The client's proxy has the timeouts and retries. This one repeats what the application certainly
    /// did not get, and what it closed a connection on that it had kept open, where a repetition has no effect of its own.</summary>
    public static RouteConfiguration Routes(InboundTarget target)
    {
        var host = new VirtualHost
        {
            Name = target.Name,
            Domains = { "*" },
            Routes =
            {
                Route(target, "connect", new RouteMatch { ConnectMatcher = new RouteMatch.Types.ConnectMatcher() }, null),
                Route(target, "idempotent", Prefix(Idempotent), Repeat("reset")),
                Route(target, "default", Prefix(), Repeat("connect-failure,refused-stream")),
            },
        };
        foreach (var (filter, rbac) in AccessBuilder.Http(target.Port.Access))
            host.TypedPerFilterConfig.Add(AccessBuilder.HttpFilter(filter), EnvoyMessages.Pack(new RBACPerRoute { Rbac = rbac }));
        foreach (var (slot, limit) in Limits(target))
            host.TypedPerFilterConfig.Add(slot, limit);
        return new RouteConfiguration
        {
            Name = target.Name,
            ResponseHeadersToRemove = { NotSent.Header },
            VirtualHosts = { host },
        };
    }

    /// <summary>Switches on the filters that have a limit. The buckets are those of each chain's own filter, which outlast a change of
    /// routes. A limit that counts all requests of a service must not have one for plaintext and one for mutual TLS: it is in the routes
    /// itself, which all chains have in common.</summary>
    private static IEnumerable<(string Slot, Any Limit)> Limits(InboundTarget target)
    {
        var limits = target.Port.Limits;
        var isInRoutes = target.Chains.Count(chain => chain.IsHttp) > 1 && limits.Any(limit => limit.IsShared);
        return InboundNames
            .Limits(target)
            .Zip(RateLimitBuilder.Filters(limits, target.Name, InboundNames.LimitSlots))
            .Take(limits.Count)
            .Select(slot => (slot.First, isInRoutes ? EnvoyMessages.Pack(RateLimitBuilder.InRoutes(slot.Second)) : EnvoyMessages.On));
    }

    private static EnvoyRoute Route(InboundTarget target, string name, RouteMatch match, RetryPolicy? repeat) =>
        new()
        {
            Name = name,
            Match = match,
            Route_ = new RouteAction
            {
                Cluster = target.Name,
                Timeout = EnvoyMessages.Duration(TimeSpan.Zero),
                RetryPolicy = repeat,
            },
        };

    private static RouteMatch Prefix(params ReadOnlySpan<HeaderMatcher> headers) => new() { Prefix = "/", Headers = { headers.ToArray() } };

    /// <summary>Once, and soon: the application is in the same pod.</summary>
    private static RetryPolicy Repeat(string conditions) =>
        new()
        {
            RetryOn = conditions,
            NumRetries = 1,
            RetryBackOff = new RetryPolicy.Types.RetryBackOff
            {
                BaseInterval = EnvoyMessages.Duration(RepeatWithin),
                MaxInterval = EnvoyMessages.Duration(RepeatWithin),
            },
        };
}
