using System.Globalization;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Translation.Policies;
using MeshOperator.Mesh.Translation.Verdicts;

namespace MeshOperator.Mesh.Translation.Review;

/// <summary>Finds where a LoadBalancingPolicy does not decide, although its target is called.</summary>
internal static class BalancingReview
{
    /// <param name="policies">The policies.</param>
    /// <param name="services">The services with what is in effect for them.</param>
    public static IEnumerable<PolicyFinding> Review(BalancingIndex policies, IEnumerable<MeshService> services)
    {
        if (policies.IsEmpty)
            return [];
        var ports = services.SelectMany(service => service.Ports).ToList();
        var sticky = ports.SelectMany(FindSticky).ToLookup(call => call.Target);
        var notes = policies.All.ToDictionary(policy => policy.Key, policy => DescribeProxyless(policy.Settings).ToList());
        foreach (var port in ports)
        {
            foreach (var key in port.ClusterPolicies.Where(notes.ContainsKey))
                notes[key].AddRange(Describe(port, [.. sticky[new BackendTarget(port.Service, port.Port)]]));
        }

        return notes.Where(policy => policy.Value.Count > 0).Select(policy => new Noted(policy.Key, string.Join(' ', policy.Value)));
    }

    /// <summary>What decides in the place of a port's policy.</summary>
    private static IEnumerable<string> Describe(MeshServicePort port, StickyCall[] sticky)
    {
        if (port.IsHeadless)
            yield return $"Clients of the headless service {port.Service} choose endpoints themselves.";
        if (port.Balancing.Utilization is { ReportingPeriod: not null } && port.Endpoints.Any(endpoint => endpoint.Identity is not null))
            yield return $"Endpoints of {port.Service} take mutual TLS, so sidecars read reports from responses and do not ask for them.";
        if (sticky is not [var first, ..])
            yield break;
        var decidesForAll = Array.Exists(sticky, call => call.Route.Pool is null) && port.Balancing.Hash is null;
        yield return string.Create(
            CultureInfo.InvariantCulture,
            $"On port {port.Port} of {port.Service} the sticky route '{first.Route.Name}' of {first.Service} takes precedence, for "
                + $"{(decidesForAll ? "all requests, as endpoints are then chosen by a hash" : "its own requests")}."
        );
    }

    private static IEnumerable<StickyCall> FindSticky(MeshServicePort caller) =>
        caller
            .Routes.Where(route => route.Sticky is not null)
            .SelectMany(
                route => route.Backends.Select(backend => backend.Target).OfType<BackendTarget>(),
                (route, target) => (route, target)
            )
            .Select(call => new StickyCall(call.target, caller.Service, call.route));

    /// <summary>What gRPC libraries do otherwise.</summary>
    private static IEnumerable<string> DescribeProxyless(BalancingSettings settings)
    {
        var takesTurns =
            settings.Method is LoadBalancingMethod.LeastRequest or LoadBalancingMethod.Random || settings.Hash is { Key: StickyKey.Cookie };
        string?[] settingsOfProxies =
        [
            settings.SlowStart is null ? null : "slow start",
            settings.PanicPercent is null ? null : "panic threshold",
        ];
        var lacks = settingsOfProxies.OfType<string>().ToList();
        string?[] parts =
        [
            takesTurns ? "use RoundRobin instead" : null,
            settings.Utilization is { AsksForReports: true } ? "do not ask for reports" : null,
            settings.EndpointsPerCaller is null ? null : "use all endpoints",
            lacks.Count == 0 ? null : $"have no {string.Join(" or ", lacks)}",
        ];
        var differences = parts.OfType<string>().ToList();
        return differences.Count == 0 ? [] : [$"Proxyless gRPC clients {string.Join(" and ", differences)}."];
    }

    /// <summary>A route that keeps requests at an endpoint of a port.</summary>
    private sealed record StickyCall(BackendTarget Target, ServiceName Service, HttpRoute Route);
}
