using Envoy.Config.Core.V3;
using Envoy.Config.Route.V3;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Translation.Shared;
using EnvoyRetryPolicy = Envoy.Config.Route.V3.RetryPolicy;
using EnvoyRoute = Envoy.Config.Route.V3.Route;

namespace MeshOperator.Xds.Translation.Outbound;

/// <summary>Makes the route configuration of a service port. One <see cref="HttpRoute"/> becomes up to three routes of Envoy's:
/// the share without a backend, requests of methods that are retried by response, and the rest.</summary>
internal static class RouteBuilder
{
    private const uint MissingBackendStatus = 500;

    public static RouteConfiguration Routes(MeshServicePort port, PortRouting routing)
    {
        var configuration = Configuration(port, routing.RouteName, Tunnel(port, routing).Concat(RequestRoutes(port, routing)));
        configuration.ResponseHeadersToRemove.Add(NotSent.Header);
        return configuration;
    }

    /// <summary>The routes of a service port, without the one of CONNECT.</summary>
    public static IEnumerable<EnvoyRoute> RequestRoutes(MeshServicePort port, PortRouting routing) =>
        port.Routes.SelectMany(route => Routes(port, route, routing));

    /// <summary>The virtual host takes every host name: the listener is chosen by the service's address, and clients call a service
    /// by many names.</summary>
    public static RouteConfiguration Configuration(MeshServicePort port, string name, IEnumerable<EnvoyRoute> routes) =>
        new()
        {
            Name = name,
            VirtualHosts =
            {
                new VirtualHost
                {
                    Name = $"{port.Service}:{port.Port}",
                    Domains = { "*" },
                    Routes = { routes },
                },
            },
        };

    /// <summary>Sends requests to clusters by weight.</summary>
    public static void SetClusters(RouteAction action, IReadOnlyList<(string Cluster, uint Weight)> clusters)
    {
        if (clusters is [var only])
        {
            action.Cluster = only.Cluster;
            return;
        }

        action.WeightedClusters = new WeightedCluster();
        foreach (var (cluster, weight) in clusters)
        {
            action.WeightedClusters.Clusters.Add(new WeightedCluster.Types.ClusterWeight { Name = cluster, Weight = weight });
        }
    }

    private static IEnumerable<EnvoyRoute> Routes(MeshServicePort port, HttpRoute route, PortRouting routing)
    {
        var split = BackendSplit.Create(route.Backends, (route.Mirror?.Percent ?? 0) / 100);
        if (split.MissingShare > 0)
        {
            var missing = Start(route, "missing-backend");
            if (split.MissingShare < 1)
                missing.Match.RuntimeFraction = EnvoyMessages.RuntimeFraction(split.MissingShare);
            missing.DirectResponse = new DirectResponseAction
            {
                Status = MissingBackendStatus,
                Body = new DataSource { InlineString = "MeshOperator: the backend of this share of traffic does not exist\n" },
            };
            yield return missing;
            if (split.Present.Count == 0)
                yield break;
        }

        var clusters = NameClusters(port, route, split, routing);
        if (route.Retry is not { Attempts: > 0 } retry)
        {
            var simple = route.Retry is null
                ? RetryBuilder.WithoutPolicy(port, route.FirstByteTimeout)
                : RetryBuilder.FirstByteOnly(route.FirstByteTimeout);
            yield return Forward(route, split.MissingShare, clusters, simple, null);
            yield break;
        }

        var byResponse = retry.ResponseTriggers.Count > 0 || retry.StatusCodes.Count > 0;
        var everywhere = retry.Methods.Count == 0 || !byResponse;
        if (route.Match.Method is { } method)
        {
            yield return Forward(
                route,
                split.MissingShare,
                clusters,
                RetryBuilder.Policy(retry, route.FirstByteTimeout, everywhere || retry.Methods.Contains(method)),
                null
            );
            yield break;
        }

        if (!everywhere)
            yield return Forward(
                route,
                split.MissingShare,
                clusters,
                RetryBuilder.Policy(retry, route.FirstByteTimeout, byResponse: true),
                retry.Methods
            );
        yield return Forward(route, split.MissingShare, clusters, RetryBuilder.Policy(retry, route.FirstByteTimeout, everywhere), null);
    }

    /// <summary>The route of CONNECT, which asks the service for a tunnel. It has no path, so of rules only one without a match is for
    /// it.</summary>
    private static IEnumerable<EnvoyRoute> Tunnel(MeshServicePort port, PortRouting routing)
    {
        if (port.Routes.LastOrDefault(route => route.Match == HttpMatch.All) is not { } route)
            yield break;
        var split = BackendSplit.Create(route.Backends, 0);
        if (split.Present.Count == 0)
            yield break;
        var action = new RouteAction { Timeout = EnvoyMessages.Duration(TimeSpan.Zero) };
        SetClusters(action, NameClusters(port, route, split, routing));
        yield return new EnvoyRoute
        {
            Name = $"{route.Name}/connect",
            Match = new RouteMatch { ConnectMatcher = new RouteMatch.Types.ConnectMatcher() },
            Route_ = action,
        };
    }

    private static IReadOnlyList<(string Cluster, uint Weight)> NameClusters(
        MeshServicePort port,
        HttpRoute route,
        BackendSplit split,
        PortRouting routing
    ) =>
        route.Pool is { } pool
            ? [(Names.Pool(port.Service, port.Port, pool), 1)]
            : [.. split.Present.Select(backend => (routing.NameCluster(backend.Target, route.Shift), backend.Weight))];

    private static EnvoyRoute Forward(
        HttpRoute route,
        double missingShare,
        IReadOnlyList<(string Cluster, uint Weight)> clusters,
        EnvoyRetryPolicy? retry,
        ValueList<string>? methods
    )
    {
        var result = Start(route, methods is null ? null : "retried-methods");
        if (methods is not null)
            result.Match.Headers.Add(MatchBuilder.Methods(methods));

        var action = new RouteAction { Timeout = EnvoyMessages.Duration(route.RequestTimeout ?? TimeSpan.Zero), RetryPolicy = retry };
        SetClusters(action, clusters);
        // The share of the target, which comes first, only grows: a client that is there stays there.
        if (route is { Shift: not null, Sticky: not null, Pool: null } && action.WeightedClusters is { } weighted)
            weighted.UseHashPolicy = true;
        if ((route.Retry ?? RetrySettings.WithoutPolicy) is { Attempts: > 0 } settings && retry is not null)
        {
            result.RequestBodyBufferLimit = (ulong)settings.MaxRequestBody;

            // Else each attempt is given the time that the first one had.
            action.MaxGrpcTimeout = action.Timeout;
        }

        if (route.IdleTimeout is { } idle)
            action.IdleTimeout = EnvoyMessages.Duration(idle);
        if (route.Mirror is { Percent: > 0 } mirror)
        {
            action.RequestMirrorPolicies.Add(
                new RouteAction.Types.RequestMirrorPolicy
                {
                    Cluster = mirror.Shift is { } copies ? Names.Shift(mirror.Target, copies) : Names.Mirror(mirror.Target),
                    // By the number of which the lowest are the missing share's (see BackendSplit), which do not come here.
                    RuntimeFraction = EnvoyMessages.RuntimeFraction(missingShare + ((1 - missingShare) * mirror.Percent / 100)),
                    DisableShadowHostSuffixAppend = true,
                }
            );
        }

        if ((route.Sticky ?? route.Hash) is { } key)
            action.HashPolicy.Add(HashPolicy(key));
        if (route.HidesLoadReports)
            result.ResponseHeadersToRemove.Add(LoadReports.Header);
        if (route.Headers is { } headers)
            HeaderBuilder.Apply(headers, result);
        result.Route_ = action;
        return result;
    }

    private static EnvoyRoute Start(HttpRoute route, string? part)
    {
        var result = new EnvoyRoute { Name = part is null ? route.Name : $"{route.Name}/{part}", Match = MatchBuilder.Match(route.Match) };
        FaultBuilder.Apply(route.Fault, result);
        return result;
    }

    /// <summary>By what requests are kept at one endpoint.</summary>
    public static RouteAction.Types.HashPolicy HashPolicy(StickySession sticky) =>
        sticky.Key switch
        {
            StickyKey.Cookie => new()
            {
                Cookie = new()
                {
                    Name = sticky.Name,
                    Path = "/",
                    Ttl = EnvoyMessages.Duration(sticky.Ttl ?? TimeSpan.Zero),
                },
            },
            StickyKey.Header => new() { Header = new() { HeaderName = sticky.Name } },
            _ => new() { ConnectionProperties = new() { SourceIp = true } },
        };
}
