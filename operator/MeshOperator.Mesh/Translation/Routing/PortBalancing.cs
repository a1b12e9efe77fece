using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation.Policies;

namespace MeshOperator.Mesh.Translation.Routing;

/// <summary>Adds to ports how their endpoints are chosen, and to routes what that needs of them. A policy on a port or its service
/// comes first; else that of a service whose split sends requests there; else what the service itself says of its clients.</summary>
internal sealed class PortBalancing(
    ClusterSnapshot snapshot,
    BalancingIndex policies,
    IReadOnlyDictionary<BackendTarget, BalancingIndex.Candidate> ofCallers
)
{
    /// <summary>A client is at one endpoint as long as the endpoints are the same. There is no counterpart to its timeout.</summary>
    private static readonly Choice ByClient = new(
        new BalancingSettings(LoadBalancingMethod.Hash) { Hash = new StickySession(StickyKey.SourceIp, string.Empty, null) },
        null
    );

    private readonly bool _isNeeded = !policies.IsEmpty || snapshot.Services.Values.Any(service => service.HasClientAffinity);

    /// <summary>The port with its own part of it.</summary>
    public MeshServicePort Add(MeshServicePort port)
    {
        if (!_isNeeded)
            return port;
        var own = Find(new BackendTarget(port.Service, port.Port));
        var routes = port.Routes.Select(route => (Route: route, OfBackends: FindOfBackends(route.Backends))).ToList();
        var added = routes.SelectMany(route => route.OfBackends.Where(choice => IsInRoute(choice, route.Route)));
        return port with
        {
            Balancing = own?.Settings ?? BalancingSettings.Default,
            ClusterPolicies = own?.Policy is { } policy ? port.ClusterPolicies.Append(policy).ToValueList() : port.ClusterPolicies,
            Routes = routes.Select(route => Add(route.Route, route.OfBackends)).ToValueList(),
            RoutePolicies = port.RoutePolicies.Concat(added.Select(choice => choice.Policy).OfType<PolicyKey>()).Distinct().ToValueList(),
            TcpHashesClient = FindOfBackends(port.TcpBackends).Any(choice => choice.Settings.Hash is { Key: StickyKey.SourceIp }),
        };
    }

    /// <summary>A proxy hashes a request once, whichever backend gets it: of several that go by different things the first is
    /// followed.</summary>
    private static HttpRoute Add(HttpRoute route, IReadOnlyList<Choice> ofBackends) =>
        route with
        {
            Hash = route.Sticky is null ? ofBackends.Select(choice => choice.Settings.Hash).FirstOrDefault(hash => hash is not null) : null,
            HidesLoadReports = ofBackends.Any(choice => choice.Settings.Utilization is { AsksForReports: true }),
        };

    private static bool IsInRoute(Choice choice, HttpRoute route) =>
        choice.Settings.Utilization is { AsksForReports: true } || (choice.Settings.Hash is not null && route.Sticky is null);

    private List<Choice> FindOfBackends(IEnumerable<WeightedBackend> backends) =>
        [.. backends.Select(backend => backend.Target).OfType<BackendTarget>().Select(Find).OfType<Choice>().Distinct()];

    private Choice? Find(BackendTarget target)
    {
        var name = new ObjectName(target.Service.Namespace, target.Service.Name);
        var service = snapshot.Services[name];
        var port = service.Ports.First(port => port.Port == target.Port).Name;
        if ((policies.FindForPort(name, port) ?? ofCallers.GetValueOrDefault(target)) is { } policy)
            return new Choice(policy.Settings, policy.Key);
        return service is { HasClientAffinity: true, IsHeadless: false } ? ByClient : null;
    }

    /// <summary>How an endpoint is chosen.</summary>
    /// <param name="Settings">How.</param>
    /// <param name="Policy">The policy that says so; null where the service does.</param>
    private sealed record Choice(BalancingSettings Settings, PolicyKey? Policy);
}
