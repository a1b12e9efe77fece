using System.Collections.Immutable;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Mesh.Translation;

/// <summary>Turns a snapshot of the cluster into the mesh model and says what became of each policy. Pure: equal snapshots give
/// equal results.</summary>
public static class Translator
{
    /// <summary>Translates a snapshot.</summary>
    public static TranslationResult Translate(ClusterSnapshot snapshot)
    {
        var verdicts = new VerdictBuilder();
        var modes = new MtlsModes(snapshot, verdicts);
        var splits = new SplitIndex(snapshot, verdicts);
        var retries = new RetryIndex(snapshot, verdicts);
        var endpoints = new EndpointIndex(snapshot, modes);
        var routing = new ServiceRouting(snapshot, splits, retries, verdicts);

        var routed = new List<(ServicePortRecord Port, MeshServicePort Model)>();
        var served = new Dictionary<ObjectName, SortedDictionary<int, PortProtocol>>();
        foreach (var (name, service) in snapshot.Services)
        {
            if (service.IsExternalName) continue;
            foreach (var port in service.Ports)
            {
                var protocol = ProtocolDetection.Of(port);
                routed.Add((port, routing.Route(name, service, port, protocol) with { Endpoints = endpoints.Ready(name, port) }));
                foreach (var (pod, target) in endpoints.Pods(name, port)) Serve(served, pod, target, protocol);
            }
        }

        var services = routed
            .GroupBy(r => r.Model.Service, r => routing.WithConnection(r.Model, r.Port.Name))
            .ToImmutableSortedDictionary(g => g.Key, g => new MeshService(g.Key, g.OrderBy(p => p.Port).ToValueList()));
        var model = new MeshModel(snapshot.TrustDomain, services, Workloads(snapshot, modes, served));
        return new TranslationResult(model, verdicts.Build());
    }

    private static void Serve(Dictionary<ObjectName, SortedDictionary<int, PortProtocol>> served, ObjectName pod, int port, PortProtocol protocol)
    {
        if (!served.TryGetValue(pod, out var ports)) served[pod] = ports = [];
        // Two services that disagree leave it to be looked at.
        ports[port] = ports.TryGetValue(port, out var known) && known != protocol ? PortProtocol.Detect : protocol;
    }

    private static ImmutableDictionary<WorkloadName, MeshWorkload> Workloads(
        ClusterSnapshot snapshot, MtlsModes modes, Dictionary<ObjectName, SortedDictionary<int, PortProtocol>> served)
    {
        var workloads = ImmutableDictionary.CreateBuilder<WorkloadName, MeshWorkload>();
        // Pods of one deployment have equal profiles: sharing the record makes later comparisons quick.
        var profiles = new Dictionary<InboundProfile, InboundProfile>();
        foreach (var (name, pod) in snapshot.Pods)
        {
            if (!pod.HasProxy) continue;
            var profile = Profile(modes.Of(name.Namespace, pod), served.GetValueOrDefault(name));
            if (!profiles.TryAdd(profile, profile)) profile = profiles[profile];
            var workload = new WorkloadName(name.Namespace, name.Name);
            workloads.Add(workload, new MeshWorkload
            {
                Name = workload,
                ServiceAccount = pod.ServiceAccount,
                Identity = Spiffe.Identity(snapshot.TrustDomain, name.Namespace, pod.ServiceAccount),
                Inbound = profile,
            });
        }

        return workloads.ToImmutable();
    }

    private static InboundProfile Profile(MtlsModes.Candidate? policy, SortedDictionary<int, PortProtocol>? served)
    {
        var ports = served is null ? [] : new SortedDictionary<int, PortProtocol>(served);
        foreach (var port in policy?.Ports ?? []) ports.TryAdd(port, PortProtocol.Detect);
        return new InboundProfile(
            policy?.DefaultMode ?? MtlsMode.Permissive,
            ports.Select(p => new InboundPort(p.Key, p.Value, policy?.ModeOf(p.Key) ?? MtlsMode.Permissive, policy?.Access.Of(p.Key))).ToValueList(),
            policy is null ? [] : [policy.Key])
        {
            DefaultAccess = policy?.Access.Of(port: null),
            Tls = policy?.Tls ?? TlsBounds.Default,
        };
    }
}
