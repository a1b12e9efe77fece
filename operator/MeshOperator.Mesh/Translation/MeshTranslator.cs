using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Mesh.Translation;

/// <summary>Translates snapshots of one cluster that follow each other. Each result is what <see cref="Translator.Translate"/> makes of the
/// snapshot alone; but what stands behind services and what pods serve is remembered and made anew only where something of it was
/// replaced, and so are the routes of services of which no policy speaks. Policies, the services that they name, and verdicts, which depend
/// on each other in many ways, are always made anew: there are few of them beside pods. Parts of the model that are equal to those before
/// are the same objects.</summary>
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
        var verdicts = new VerdictBuilder(snapshot.Policies);
        var modes = new MtlsModes(snapshot, verdicts);
        var splits = new SplitIndex(snapshot, verdicts);
        var retries = new RetryIndex(snapshot, verdicts);
        var breakers = new BreakerIndex(snapshot, verdicts);
        var limits = new RateLimitIndex(snapshot, verdicts);
        var changes = new SnapshotChanges(memory.Snapshot, snapshot);
        var touched = memory.Backends.Update(snapshot, new EndpointIndex(snapshot, modes), changes);
        var before = memory.Model;
        var routing = new ServiceRouting(snapshot, splits, retries, breakers, verdicts);
        var model = new MeshModel(
            snapshot.TrustDomain,
            memory.Services.Of(snapshot, memory.Backends, routing, before.Services),
            memory.Workloads.Of(snapshot, modes, limits, memory.Backends, before.Workloads, changes.AllWorkloads ? null : touched));
        routing.NoteOverrides();
        limits.NoteOverrides(snapshot, memory.Backends.Served);
        limits.NoteUnseen(snapshot, modes, memory.Backends.Served);
        new MtlsHints(snapshot, verdicts).Note(modes, memory.Backends.Served);
        (memory.Snapshot, memory.Model) = (snapshot, model);
        return new TranslationResult(model, verdicts.Build());
    }

    /// <summary>What is kept from one translation to the next.</summary>
    private sealed class Memory
    {
        public ClusterSnapshot? Snapshot { get; set; }

        public MeshModel Model { get; set; } = MeshModel.Empty;

        public BackendMemory Backends { get; } = new();

        public ServiceBuilder Services { get; } = new();

        public WorkloadBuilder Workloads { get; } = new();
    }
}
