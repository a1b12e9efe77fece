using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation.Policies;

namespace MeshOperator.Mesh.Translation.Routing;

/// <summary>Adds to ports how their endpoints are chosen, and to routes the hash that their backends go by. A policy on a port or its service
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
        var hashes = port.Routes.Select(FindHash).ToList();
        return port with
        {
            Balancing = own?.Settings ?? BalancingSettings.Default,
            ClusterPolicies = own is null ? port.ClusterPolicies : port.ClusterPolicies.Append(own.Key).ToValueList(),
            Routes = port.Routes.Zip(hashes, (route, hash) => hash is null ? route : route with { Hash = hash.Settings.Hash }).ToValueList(),
            RoutePolicies = port.RoutePolicies.Concat(hashes.OfType<BalancingIndex.Candidate>().Select(hash => hash.Key))
                .Distinct()
                .ToValueList(),
        };
    }

    /// <summary>The policy whose hash a route's requests go by. A proxy hashes a request once, whichever backend gets it: of several that
    /// go by different things the first is followed.</summary>
    private BalancingIndex.Candidate? FindHash(HttpRoute route) =>
        route.Sticky is not null
            ? null
            : route
                .Backends.Select(backend => backend.Target)
                .OfType<BackendTarget>()
                .Select(Find)
                .FirstOrDefault(policy => policy?.Settings.Hash is not null);

    private BalancingIndex.Candidate? Find(BackendTarget target)
    {
        var service = new ObjectName(target.Service.Namespace, target.Service.Name);
        var name = snapshot.Services[service].Ports.First(port => port.Port == target.Port).Name;
        return policies.FindForPort(service, name) ?? ofCallers.GetValueOrDefault(target);
    }
}
