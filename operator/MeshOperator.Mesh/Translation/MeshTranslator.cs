using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation.Changes;
using MeshOperator.Mesh.Translation.Endpoints;
using MeshOperator.Mesh.Translation.Policies;
using MeshOperator.Mesh.Translation.Review;
using MeshOperator.Mesh.Translation.Routing;
using MeshOperator.Mesh.Translation.Verdicts;
using MeshOperator.Mesh.Translation.Workloads;

namespace MeshOperator.Mesh.Translation;

/// <summary>Translates snapshots of one cluster that follow each other. Each result is what <see cref="Translator.Translate"/> makes of the
/// snapshot alone; but what stands behind services and what pods serve is remembered and renewed only where something of it was
/// replaced, and so are the routes of services that no policy names. The services that policies name depend on each other in many ways, and
/// are renewed together when something was replaced on which routes depend; policies and verdicts always are: there are few of them beside
/// pods. Parts of the model that are equal to those before are the same objects.</summary>
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
        var changes = new SnapshotChanges(memory.Snapshot, snapshot, memory.Selections);

        // Which policies there are, and what they apply to.
        var (policies, indexed) = PolicyIndexes.Create(snapshot, memory.Selections);

        // What stands behind services, and what pods serve.
        var touched = memory.Backends.Update(snapshot, new EndpointIndex(snapshot, policies.Mtls), changes);

        // Where requests go, and how connections are kept; with that, services are complete.
        if (memory.Routing is not { } routing || changes.ReachRoutes || memory.Backends.Revision != routing.Backends)
        {
            var plan = RoutePlanner.Plan(snapshot, policies, memory.Backends, memory.Plain);
            routing = new Routing(
                plan,
                ServiceAssembler.Assemble(snapshot, policies, plan.Result, memory.Backends, memory.Plain, memory.Model.Services),
                memory.Backends.Revision
            );
        }

        var (planned, services) = (routing.Plan.Findings, routing.Services);

        // What each pod's proxy does with what arrives.
        var built = memory.Workloads.Build(
            snapshot,
            policies,
            memory.Backends.Served,
            memory.Model.Workloads,
            changes.AllWorkloads ? null : touched
        );
        var workloads = LimitGroups.Assign(snapshot, policies.Limits, built);

        // What policies cannot do, as is known only now.
        var reviewed = PolicyReview.Review(
            snapshot,
            policies,
            routing.Plan.Result,
            services,
            workloads,
            memory.Backends.Served,
            memory.Selections
        );

        memory.Snapshot = snapshot;
        memory.Routing = routing;
        memory.Model = new MeshModel(snapshot.TrustDomain, services.Services, workloads)
        {
            Changes =
                changes.AllWorkloads || !ReferenceEquals(built, workloads)
                    ? null
                    : new WorkloadChanges(
                        memory.Model.Workloads,
                        workloads,
                        [.. touched.Select(pod => new WorkloadName(pod.Namespace, pod.Name))]
                    ),
            ClusterDomain = snapshot.ClusterDomain,
            Aliases = ServiceAliases.Find(snapshot, services.Services),
        };
        return new TranslationResult(memory.Model, VerdictBuilder.Build(snapshot.Policies, [.. indexed, .. planned, .. reviewed]));
    }

    /// <summary>Where requests go.</summary>
    /// <param name="Plan">The routes.</param>
    /// <param name="Services">The services that came of them.</param>
    /// <param name="Backends">The revision of the backends behind them.</param>
    private sealed record Routing(Found<RoutePlan> Plan, ServiceSet Services, long Backends);

    /// <summary>What is kept from one translation to the next.</summary>
    private sealed class Memory
    {
        public ClusterSnapshot? Snapshot { get; set; }

        public MeshModel Model { get; set; } = MeshModel.Empty;

        public Routing? Routing { get; set; }

        public PodSelections Selections { get; } = new();

        public BackendCache Backends { get; } = new();

        public PlainServices Plain { get; } = new();

        public WorkloadBuilder Workloads { get; } = new();
    }
}
