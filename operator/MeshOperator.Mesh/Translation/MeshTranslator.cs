using System.Collections.Immutable;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Mesh.Translation;

/// <summary>Translates snapshots of one cluster that follow each other. Each result is what <see cref="Translator.Translate"/> makes of the
/// snapshot alone; but what stands behind services and what pods serve is remembered and made anew only where something of it was
/// replaced, and parts of the model that are equal to those before are the same objects. Policies, routes and verdicts, which depend on
/// each other in many ways, are always made anew: there are few of them beside pods.</summary>
public sealed class MeshTranslator
{
    private readonly Lock _gate = new();
    private Memory? _memory;

    /// <summary>Translates a snapshot. Calls are serialised.</summary>
    public TranslationResult Translate(ClusterSnapshot snapshot)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        lock (_gate)
        {
            // What is remembered is changed in place. Should that fail on its way, the next time begins from nothing.
            var memory = _memory ?? new Memory();
            _memory = null;
            var result = Translate(snapshot, memory);
            _memory = memory;
            return result;
        }
    }

    private static TranslationResult Translate(ClusterSnapshot snapshot, Memory memory)
    {
        var verdicts = new VerdictBuilder();
        var modes = new MtlsModes(snapshot, verdicts);
        var splits = new SplitIndex(snapshot, verdicts);
        var retries = new RetryIndex(snapshot, verdicts);
        var breakers = new BreakerIndex(snapshot, verdicts);
        var limits = new RateLimitIndex(snapshot, verdicts);
        var changes = new SnapshotChanges(memory.Snapshot, snapshot);
        var touched = memory.Backends.Update(snapshot, new EndpointIndex(snapshot, modes), changes);
        var before = memory.Model;
        var model = new MeshModel(
            snapshot.TrustDomain,
            Services(snapshot, memory.Backends, new ServiceRouting(snapshot, splits, retries, breakers, verdicts), before.Services),
            memory.Workloads.Of(snapshot, modes, limits, memory.Backends, before.Workloads, changes.AllWorkloads ? null : touched));
        (memory.Snapshot, memory.Model) = (snapshot, model);
        return new TranslationResult(model, verdicts.Build());
    }

    private static ImmutableSortedDictionary<ServiceName, MeshService> Services(
        ClusterSnapshot snapshot, BackendMemory backends, ServiceRouting routing, ImmutableSortedDictionary<ServiceName, MeshService> before)
    {
        var routed = new Dictionary<BackendTarget, MeshServicePort>();
        foreach (var (name, service) in snapshot.Services)
        {
            foreach (var (port, protocol, ready, _) in backends.Of(name).Ports)
            {
                var model = routing.Route(name, service, port, protocol) with { Endpoints = ready };
                routed.Add(new BackendTarget(model.Service, port.Port), model);
            }
        }

        // Connections and pools come from what was found of all ports.
        var services = before.ToBuilder();
        var kept = 0;
        foreach (var (name, service) in snapshot.Services)
        {
            if (service.IsExternalName || service.Ports.Count == 0) continue;
            var serviceName = new ServiceName(name.Namespace, name.Name);
            var known = before.GetValueOrDefault(serviceName);
            var ports = service.Ports
                .Select(port => routing.WithConnection(StickyPools.Add(routed[new BackendTarget(serviceName, port.Port)], routed), port.Name))
                .OrderBy(port => port.Port)
                .ToValueList();
            if (known is not null) kept++;
            if (known is null || !known.Ports.Equals(ports)) services[serviceName] = new MeshService(serviceName, Shared(ports, known?.Ports ?? []));
        }

        if (kept < before.Count) services.RemoveRange(before.Keys.Where(name => !IsThere(snapshot, name)));
        return services.ToImmutable();
    }

    /// <summary>The ports, those that are equal to the ones before being the same objects.</summary>
    private static ValueList<MeshServicePort> Shared(ValueList<MeshServicePort> ports, ValueList<MeshServicePort> before) =>
        ports.Select(port => before.FirstOrDefault(port.Equals) ?? port).ToValueList();

    private static bool IsThere(ClusterSnapshot snapshot, ServiceName name) =>
        snapshot.Services.TryGetValue(new ObjectName(name.Namespace, name.Name), out var service) && !service.IsExternalName && service.Ports.Count > 0;

    /// <summary>What is kept from one translation to the next.</summary>
    private sealed class Memory
    {
        public ClusterSnapshot? Snapshot { get; set; }

        public MeshModel Model { get; set; } = MeshModel.Empty;

        public BackendMemory Backends { get; } = new();

        public WorkloadBuilder Workloads { get; } = new();
    }
}
