using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation.Policies;
using MeshOperator.Mesh.Translation.Verdicts;

namespace MeshOperator.Mesh.Translation.Routing;

/// <summary>Where the requests to all services go. How connections are kept depends on the whole of it, and comes after.</summary>
/// <param name="Ports">All ports with their routes and endpoints.</param>
/// <param name="Kept">The services of before that no policy names and that are as they were.</param>
/// <param name="Callers">The policies that arrive with requests of other services.</param>
/// <param name="RetryOverrides">Which RetryPolicies take precedence over which.</param>
internal sealed record RoutePlan(
    IReadOnlyDictionary<BackendTarget, MeshServicePort> Ports,
    IReadOnlyDictionary<ObjectName, MeshService> Kept,
    CallerPolicies Callers,
    Overrides RetryOverrides
);

/// <summary>Policies on services whose splits send requests to backends: they arrive there over the backends' connections. Of several the
/// oldest.</summary>
/// <param name="Retries">By backend.</param>
/// <param name="Breakers">By backend.</param>
/// <param name="Balancing">By backend.</param>
/// <param name="Shifts">By backend and name, the gradual shifts.</param>
/// <param name="Mirrors">The services to which copies of requests go.</param>
internal sealed record CallerPolicies(
    IReadOnlyDictionary<BackendTarget, RetryIndex.Candidate> Retries,
    IReadOnlyDictionary<BackendTarget, BreakerIndex.Candidate> Breakers,
    IReadOnlyDictionary<BackendTarget, BalancingIndex.Candidate> Balancing,
    IReadOnlyDictionary<BackendTarget, SortedDictionary<string, ShiftName>> Shifts,
    IReadOnlySet<BackendTarget> Mirrors
)
{
    /// <summary>Whether one arrives at a port of a service.</summary>
    public bool ArriveAt(MeshService service)
    {
        if (Retries.Count == 0 && Breakers.Count == 0 && Balancing.Count == 0 && Shifts.Count == 0 && Mirrors.Count == 0)
            return false;
        return service.Ports.Select(port => new BackendTarget(port.Service, port.Port)).Any(ArriveAt);
    }

    private bool ArriveAt(BackendTarget target) =>
        Retries.ContainsKey(target)
        || Breakers.ContainsKey(target)
        || Balancing.ContainsKey(target)
        || Shifts.ContainsKey(target)
        || Mirrors.Contains(target);
}
