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
        var breakers = new BreakerIndex(snapshot, verdicts);
        var limits = new RateLimitIndex(snapshot, verdicts);
        var endpoints = new EndpointIndex(snapshot, modes);
        var routing = new ServiceRouting(snapshot, splits, retries, breakers, verdicts);

        var routed = new List<(ServicePortRecord Port, MeshServicePort Model)>();
        var served = new ServedPorts();
        foreach (var (name, service) in snapshot.Services)
        {
            if (service.IsExternalName) continue;
            foreach (var port in service.Ports)
            {
                var protocol = ProtocolDetection.Of(port);
                routed.Add((port, routing.Route(name, service, port, protocol) with { Endpoints = endpoints.Ready(name, service, port) }));
                foreach (var (pod, target) in endpoints.Pods(name, port)) served.Add(pod, target, protocol, name, port.Name);
            }
        }

        var byTarget = routed.ToDictionary(r => new BackendTarget(r.Model.Service, r.Model.Port), r => r.Model);
        var services = routed
            .GroupBy(r => r.Model.Service, r => routing.WithConnection(StickyPools.Add(r.Model, byTarget), r.Port.Name))
            .ToImmutableSortedDictionary(g => g.Key, g => new MeshService(g.Key, g.OrderBy(p => p.Port).ToValueList()));
        var model = new MeshModel(snapshot.TrustDomain, services, Workloads(snapshot, modes, limits, served));
        return new TranslationResult(model, verdicts.Build());
    }

    private static ImmutableDictionary<WorkloadName, MeshWorkload> Workloads(
        ClusterSnapshot snapshot, MtlsModes modes, RateLimitIndex limits, ServedPorts served)
    {
        var workloads = ImmutableDictionary.CreateBuilder<WorkloadName, MeshWorkload>();
        var scopes = new UpstreamScopes(snapshot);
        // Pods of one deployment have equal profiles: sharing the record makes later comparisons quick.
        var profiles = new Dictionary<InboundProfile, InboundProfile>();
        foreach (var (name, pod) in snapshot.Pods)
        {
            if (!pod.HasProxy) continue;
            var profile = Profile(modes.Of(name.Namespace, pod), served.Of(name), pod.HasIpv6, port => limits.Of(name.Namespace, pod, port.Services));
            if (!profiles.TryAdd(profile, profile)) profile = profiles[profile];
            var workload = new WorkloadName(name.Namespace, name.Name);
            workloads.Add(workload, new MeshWorkload
            {
                Name = workload,
                ServiceAccount = pod.ServiceAccount,
                Identity = Spiffe.Identity(snapshot.TrustDomain, name.Namespace, pod.ServiceAccount),
                Scope = scopes.Of(name.Namespace, pod),
                Inbound = profile,
            });
        }

        return workloads.ToImmutable();
    }

    private static InboundProfile Profile(
        MtlsModes.Candidate? policy, IReadOnlyDictionary<int, ServedPort> served, bool hasIpv6, Func<ServedPort, RateLimitIndex.Candidate?> limitsOf)
    {
        var policies = new SortedSet<PolicyKey>(PolicyKeyOrder.Instance);
        if (policy is not null) policies.Add(policy.Key);
        var ports = new SortedDictionary<int, InboundPort>();
        foreach (var (number, port) in served)
        {
            var limits = port.Protocol == PortProtocol.Tcp ? null : limitsOf(port);
            if (limits is not null) policies.Add(limits.Key);
            ports.Add(number, Inbound(number, port.Protocol) with { Limits = limits?.Limits ?? [] });
        }

        foreach (var number in policy?.Ports ?? []) ports.TryAdd(number, Inbound(number, PortProtocol.Detect));
        return new InboundProfile(policy?.DefaultMode ?? MtlsMode.Permissive, ports.Values.ToValueList(), policies.ToValueList())
        {
            DefaultAccess = policy?.Access.Of(port: null),
            HasIpv6 = hasIpv6,
            Tls = policy?.Tls ?? TlsBounds.Default,
        };

        InboundPort Inbound(int number, PortProtocol protocol) =>
            new(number, protocol, policy?.ModeOf(number) ?? MtlsMode.Permissive, policy?.Access.Of(number));
    }
}
