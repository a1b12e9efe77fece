using Envoy.Config.Core.V3;
using Envoy.Config.Route.V3;
using MeshOperator.Mesh.Model;
using EnvoyRoute = Envoy.Config.Route.V3.Route;
using EnvoyRetryPolicy = Envoy.Config.Route.V3.RetryPolicy;

namespace MeshOperator.Xds.Translation;

/// <summary>Makes the route configuration of a service port. One <see cref="HttpRoute"/> becomes up to three routes of Envoy's:
/// the share without a backend, requests of methods that are retried by response, and the rest.</summary>
internal static class RouteBuilder
{
    private const uint MissingBackendStatus = 500;

    /// <summary>The virtual host takes every host name: the listener is chosen by the service's address, and clients call a service
    /// by many names.</summary>
    public static RouteConfiguration Routes(MeshServicePort port)
    {
        var host = new VirtualHost { Name = $"{port.Service}:{port.Port}", Domains = { "*" } };
        foreach (var route in port.Routes) host.Routes.AddRange(Routes(route));
        return new RouteConfiguration { Name = Names.Outbound(port.Service, port.Port), VirtualHosts = { host } };
    }

    private static IEnumerable<EnvoyRoute> Routes(HttpRoute route)
    {
        var split = BackendSplit.Of(route.Backends);
        if (split.MissingShare > 0)
        {
            var missing = Start(route, "missing-backend");
            if (split.MissingShare < 1) missing.Match.RuntimeFraction = EnvoyMessages.RuntimeFraction(split.MissingShare);
            missing.DirectResponse = new DirectResponseAction
            {
                Status = MissingBackendStatus,
                Body = new DataSource { InlineString = "MeshOperator: the backend of this share of traffic does not exist\n" },
            };
            yield return missing;
            if (split.Present.Count == 0) yield break;
        }

        if (route.Retry is not { } retry)
        {
            yield return Forward(route, split, null, null);
            yield break;
        }

        var byResponse = retry.ResponseConditions.Count > 0 || retry.StatusCodes.Count > 0;
        var everywhere = retry.Methods.Count == 0 || !byResponse;
        if (route.Match.Method is { } method)
        {
            yield return Forward(route, split, RetryBuilder.Policy(retry, everywhere || retry.Methods.Contains(method)), null);
            yield break;
        }

        if (!everywhere) yield return Forward(route, split, RetryBuilder.Policy(retry, byResponse: true), retry.Methods);
        yield return Forward(route, split, RetryBuilder.Policy(retry, everywhere), null);
    }

    private static EnvoyRoute Forward(HttpRoute route, BackendSplit split, EnvoyRetryPolicy? retry, ValueList<string>? methods)
    {
        var result = Start(route, methods is null ? null : "retried-methods");
        if (methods is not null) result.Match.Headers.Add(MatchBuilder.Methods(methods));

        var action = new RouteAction { Timeout = EnvoyMessages.Duration(route.RequestTimeout ?? TimeSpan.Zero), RetryPolicy = retry };
        if (split.Present is [var only])
        {
            action.Cluster = Names.Outbound(only.Target);
        }
        else
        {
            action.WeightedClusters = new WeightedCluster();
            foreach (var (target, weight) in split.Present)
            {
                action.WeightedClusters.Clusters.Add(
                    new WeightedCluster.Types.ClusterWeight { Name = Names.Outbound(target), Weight = weight });
            }
        }

        if (route.IdleTimeout is { } idle) action.IdleTimeout = EnvoyMessages.Duration(idle);
        if (route.Mirror is { Percent: > 0 } mirror)
        {
            action.RequestMirrorPolicies.Add(new RouteAction.Types.RequestMirrorPolicy
            {
                Cluster = Names.Outbound(mirror.Target),
                RuntimeFraction = EnvoyMessages.RuntimeFraction(mirror.Percent / 100),
            });
        }

        if (route.Sticky is { } sticky) action.HashPolicy.Add(HashPolicy(sticky));
        if (route.Headers is { } headers) HeaderBuilder.Apply(headers, result, action);
        result.Route_ = action;
        return result;
    }

    private static EnvoyRoute Start(HttpRoute route, string? part)
    {
        var result = new EnvoyRoute
        {
            Name = part is null ? route.Name : $"{route.Name}/{part}",
            Match = MatchBuilder.Match(route.Match),
        };
        if (FaultBuilder.Fault(route.Fault) is { } fault)
        {
            result.TypedPerFilterConfig.Add(Names.FaultFilter, EnvoyMessages.Pack(fault));
        }

        return result;
    }

    private static RouteAction.Types.HashPolicy HashPolicy(StickySession sticky) => sticky.Key switch
    {
        StickyKey.Cookie => new()
        {
            Cookie = new() { Name = sticky.Name, Path = "/", Ttl = EnvoyMessages.Duration(sticky.Ttl ?? TimeSpan.Zero) },
        },
        StickyKey.Header => new() { Header = new() { HeaderName = sticky.Name } },
        _ => new() { ConnectionProperties = new() { SourceIp = true } },
    };
}
