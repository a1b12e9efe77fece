using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation.Policies;

namespace MeshOperator.Mesh.Translation.Routing;

/// <summary>Adds to ports how their endpoints are chosen, and to routes what that needs of them. A policy on a port or its service
/// comes first; else that of a service whose split sends requests there.</summary>
internal sealed class PortBalancing(
    ClusterSnapshot snapshot,
    BalancingIndex policies,
    IReadOnlyDictionary<BackendTarget, BalancingIndex.Candidate> ofCallers
)
{
    /// <summary>The port with its own part of it.</summary>
    public MeshServicePort Add(MeshServicePort port)
    {
        if (policies.IsEmpty)
            return port;
        var own = Find(new BackendTarget(port.Service, port.Port));
        var routes = port.Routes.Select(route => (Route: route, OfBackends: FindOfBackends(route))).ToList();
        var added = routes.SelectMany(route => route.OfBackends.Where(policy => IsInRoute(policy, route.Route)));
        return port with
        {
            Balancing = own?.Settings ?? BalancingSettings.Default,
            ClusterPolicies = own is null ? port.ClusterPolicies : port.ClusterPolicies.Append(own.Key).ToValueList(),
            Routes = routes.Select(route => Add(route.Route, route.OfBackends)).ToValueList(),
            RoutePolicies = port.RoutePolicies.Concat(added.Select(policy => policy.Key)).Distinct().ToValueList(),
        };
    }

    /// <summary>A proxy hashes a request once, whichever backend gets it: of several that go by different things the first is
    /// followed.</summary>
    private static HttpRoute Add(HttpRoute route, IReadOnlyList<BalancingIndex.Candidate> ofBackends) =>
        route with
        {
            Hash = route.Sticky is null ? ofBackends.Select(policy => policy.Settings.Hash).FirstOrDefault(hash => hash is not null) : null,
            HidesLoadReports = ofBackends.Any(policy => policy.Settings.Utilization is { AsksForReports: true }),
        };

    private static bool IsInRoute(BalancingIndex.Candidate policy, HttpRoute route) =>
        policy.Settings.Utilization is { AsksForReports: true } || (policy.Settings.Hash is not null && route.Sticky is null);

    private List<BalancingIndex.Candidate> FindOfBackends(HttpRoute route) =>
        [
            .. route
                .Backends.Select(backend => backend.Target)
                .OfType<BackendTarget>()
                .Select(Find)
                .OfType<BalancingIndex.Candidate>()
                .Distinct(),
        ];

    private BalancingIndex.Candidate? Find(BackendTarget target)
    {
        var service = new ObjectName(target.Service.Namespace, target.Service.Name);
        var name = snapshot.Services[service].Ports.First(port => port.Port == target.Port).Name;
        return policies.FindForPort(service, name) ?? ofCallers.GetValueOrDefault(target);
    }
}
