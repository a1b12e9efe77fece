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
        var notes = policies.All.ToDictionary(policy => policy.Key, policy => FindProxyless(policy.Settings).ToList());
        foreach (var port in ports)
        {
            foreach (var key in port.ClusterPolicies.Where(notes.ContainsKey))
            {
                if (port.IsHeadless)
                    notes[key].Add($"Clients of the headless service {port.Service} choose endpoints themselves.");
                if (FindSticky(port, ports) is { } sticky)
                    notes[key].Add(sticky);
            }
        }

        return notes.Where(policy => policy.Value.Count > 0).Select(policy => new Noted(policy.Key, string.Join(' ', policy.Value)));
    }

    /// <summary>What gRPC libraries do otherwise.</summary>
    private static IEnumerable<string> FindProxyless(BalancingSettings settings)
    {
        if (settings.Method is LoadBalancingMethod.LeastRequest or LoadBalancingMethod.Random)
            yield return "Proxyless gRPC clients use RoundRobin instead.";
        if (settings.Hash is { Key: StickyKey.Cookie })
            yield return "Proxyless gRPC clients have no cookies and use RoundRobin instead.";
        if (settings.SlowStart is not null)
            yield return "Proxyless gRPC clients have no slow start.";
        if (settings.PanicPercent is not null)
            yield return "Proxyless gRPC clients have no panic threshold.";
    }

    /// <summary>Which sticky rules decide in the place of a port's policy.</summary>
    private static string? FindSticky(MeshServicePort port, IEnumerable<MeshServicePort> callers)
    {
        var target = new BackendTarget(port.Service, port.Port);
        var sticky = callers
            .SelectMany(caller => caller.Routes.Select(route => (Caller: caller, Route: route)))
            .Where(call => call.Route.Sticky is not null && call.Route.Backends.Any(backend => backend.Target == target))
            .ToList();
        if (sticky is not [var first, ..])
            return null;
        var where = string.Create(
            CultureInfo.InvariantCulture,
            $"the sticky rule '{first.Route.Name}' of the service {first.Caller.Service} takes precedence on port {port.Port} of {port.Service}"
        );
        return sticky.Exists(call => call.Route.Pool is null) && port.Balancing.Hash is null
            ? $"For all requests {where}, as it has its endpoints chosen by a hash."
            : $"For its own requests {where}.";
    }
}
