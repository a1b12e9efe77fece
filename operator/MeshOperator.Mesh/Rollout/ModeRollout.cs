using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using MeshOperator.Mesh.Model;

namespace MeshOperator.Mesh.Rollout;

/// <summary>Carries a change of a workload's mutual TLS mode to servers and clients in an order in which no call fails: first the server
/// takes both, then the clients follow, and only then the server refuses the other. Strict and Permissive need no such steps, as clients
/// in the mesh use mutual TLS with both. Each step waits for acknowledgements, but not without end. Not thread-safe.</summary>
public sealed class ModeRollout(TimeProvider time)
{
    /// <summary>How long a step waits for proxies that do not answer.</summary>
    public static readonly TimeSpan LongestStep = TimeSpan.FromSeconds(30);

    /// <summary>After so long a replica takes a change that the record does not name for one that ended while it was not looking.</summary>
    private static readonly TimeSpan ForgottenAfter = TimeSpan.FromMinutes(1);

    private readonly Dictionary<WorkloadName, InboundProfile> _settled = [];
    private readonly Dictionary<WorkloadName, Step> _steps = [];
    private readonly ConditionalWeakTable<InboundProfile, ModeState> _states = [];
    private List<BackendTarget> _moving = [];
    private ImmutableDictionary<WorkloadName, MeshWorkload> _applied = ImmutableDictionary<WorkloadName, MeshWorkload>.Empty;

    /// <summary>What the leader has decided; null when this replica decides itself, by what was acknowledged.</summary>
    public ModeRecord? Followed { get; set; }

    /// <summary>The workloads whose change is in progress.</summary>
    public IReadOnlyCollection<WorkloadName> Pending => _steps.Keys;

    /// <summary>The service ports whose clients are to follow now.</summary>
    public IReadOnlyCollection<BackendTarget> Moving => _moving;

    /// <summary>Where a workload is whose change is in progress; null when none is.</summary>
    public ModeState? Find(WorkloadName workload) => _steps.TryGetValue(workload, out var step) ? step.State : null;

    /// <summary>Grows with each change of what <see cref="Record"/> says.</summary>
    public long Revision { get; private set; }

    /// <summary>Where all workloads are.</summary>
    public ModeRecord Record() =>
        ModeRecord.Create(_settled.Select(entry => KeyValuePair.Create(entry.Key, Find(entry.Key) ?? Settled(entry.Value))));

    /// <summary>Goes on from where a replica was that is gone; before the first <see cref="Apply"/>.</summary>
    public void Restore(ModeRecord record, MeshModel wanted)
    {
        ArgumentNullException.ThrowIfNull(record);
        ArgumentNullException.ThrowIfNull(wanted);
        foreach (var name in wanted.Workloads.Keys)
        {
            if (record.Find(name) is not { } state || PlaintextPorts.Read(state.Target) is not { } target)
                continue;
            var before = ReadBefore(state);
            _settled[name] = before.FirstOrDefault() ?? target;
            if (before.Count > 0)
                _steps[name] = new Step(state.ClientsMove, time.GetTimestamp(), before, target, Outdated: null);
        }

        _moving = PortsOfMoving(wanted);
    }

    /// <summary>The model to serve on the way to <paramref name="wanted"/>.</summary>
    /// <param name="wanted">What policies say.</param>
    /// <param name="progress">What was acknowledged of the model that was given back last.</param>
    public MeshModel Apply(MeshModel wanted, IRolloutProgress progress)
    {
        ArgumentNullException.ThrowIfNull(wanted);
        ArgumentNullException.ThrowIfNull(progress);
        var haveClients = Followed is null && (_moving.Count == 0 || progress.HaveClients(_moving));
        // One that is settled, and has not been replaced, has no way to go.
        foreach (var name in wanted.FindReplaced(_applied).Union(_steps.Keys).Union(FindLed(wanted)).ToList())
        {
            if (wanted.Workloads.TryGetValue(name, out var workload))
                Advance(name, workload.Inbound, progress, haveClients);
            else
                Forget(name);
        }

        _applied = wanted.Workloads;
        _moving = PortsOfMoving(wanted);
        return _steps.Count == 0 ? wanted : Serve(wanted);
    }

    /// <summary>Whether <see cref="Apply"/> would take a step that it could not take last time, with the same wanted model.</summary>
    public bool CanAdvance(IRolloutProgress progress)
    {
        ArgumentNullException.ThrowIfNull(progress);
        return Followed is not null
            ? _steps.Any(step => step.Value.ClientsMove ? MaySettle(step.Key, step.Value) : MayMove(step.Key, step.Value, progress))
            : _steps.Any(step => IsLate(step.Value) || (!step.Value.ClientsMove && progress.HasServer(step.Key)))
                || (_steps.Values.Any(step => step.ClientsMove) && progress.HaveClients(_moving));
    }

    private void Advance(WorkloadName name, InboundProfile wanted, IRolloutProgress progress, bool haveClients)
    {
        if (!_settled.TryGetValue(name, out var settled))
        {
            SetSettled(name, wanted);
            return;
        }

        if (!_steps.TryGetValue(name, out var step))
        {
            if (NeedsSteps(settled, wanted))
                SetStep(name, new Step(ClientsMove: false, time.GetTimestamp(), [settled], wanted, FindOutdated(name, settled)));
            else if (FindMissed(name, wanted) is [var before, ..] missed)
            {
                _settled[name] = before;
                SetStep(name, new Step(ClientsMove: false, time.GetTimestamp(), missed, wanted, Outdated: null));
            }
            else if (!ReferenceEquals(settled, wanted))
                SetSettled(name, wanted);
            return;
        }

        if (!step.ClientsMove)
        {
            // Where the leader has led clients on already, the server must not close before it has led them back.
            if (!NeedsSteps(settled, wanted) && (Followed is null || MaySettle(name, step with { Target = wanted })))
                Settle(name, wanted);
            else if (MayMove(name, step with { Target = wanted }, progress))
                SetStep(name, step with { ClientsMove = true, Since = time.GetTimestamp(), Target = wanted, Outdated = null });
            else
                SetStep(
                    name,
                    step with
                    {
                        Target = wanted,
                        Before = NeedsSteps(step.Target, wanted) ? step.Before.Add(step.Target) : step.Before,
                    }
                );
        }
        else if (NeedsSteps(step.Target, wanted))
        {
            // Some clients may still be where they were, some are where they were led to.
            var outdated = FindOutdated(name, step.Target);
            SetStep(name, new Step(ClientsMove: true, time.GetTimestamp(), [.. step.Before, step.Target], wanted, outdated));
        }
        else if (Followed is not null ? MaySettle(name, step) : IsLate(step) || haveClients)
        {
            Settle(name, wanted);
        }
    }

    /// <summary>Whether clients may follow.</summary>
    private bool MayMove(WorkloadName name, Step step, IRolloutProgress progress) =>
        Followed is not { } record
            ? IsLate(step) || progress.HasServer(name)
            : Decided(record, name, step) is { } state && (state.ClientsMove || state.IsSettled);

    /// <summary>Whether the leader has found that clients have followed.</summary>
    private bool MaySettle(WorkloadName name, Step step) => Followed is { } record && Decided(record, name, step) is { IsSettled: true };

    /// <summary>What the leader has decided of a step; null when that is not known, or is about an earlier one.</summary>
    private ModeState? Decided(ModeRecord record, WorkloadName name, Step step)
    {
        if (ReferenceEquals(record, step.Outdated) && time.GetElapsedTime(step.Since) < ForgottenAfter)
            return null;
        return record.Find(name) is { } state && state.Target == Settled(step.Target).Target ? state : null;
    }

    /// <summary>The workloads of which the leader has a change in progress.</summary>
    private IEnumerable<WorkloadName> FindLed(MeshModel wanted) =>
        Followed is { IsSettled: false } record ? wanted.Workloads.Keys.Where(name => record.Find(name) is { IsSettled: false }) : [];

    /// <summary>What clients may still go by where the leader leads a workload to what is wanted from something that this replica does not
    /// know of: it did not look while the leader led all to that, and sees no change. Empty where it need not take part.</summary>
    private ImmutableList<InboundProfile> FindMissed(WorkloadName name, InboundProfile wanted)
    {
        if (Followed?.Find(name) is not { IsSettled: false } state || state.Target != Settled(wanted).Target)
            return [];
        var before = ReadBefore(state);
        return before.Exists(profile => NeedsSteps(profile, wanted)) ? before : [];
    }

    private static ImmutableList<InboundProfile> ReadBefore(ModeState state) =>
        [.. state.Before.Select(PlaintextPorts.Read).OfType<InboundProfile>()];

    /// <summary>What the leader has written down, if by that a workload is still where it was before a step that begins. It then says
    /// nothing of the step, also where it names what the step leads to: that may be taken back before the leader hears of it.</summary>
    private ModeRecord? FindOutdated(WorkloadName name, InboundProfile before) =>
        Followed?.Find(name) is { IsSettled: true } state && state.Target == Settled(before).Target ? Followed : null;

    private ModeState Settled(InboundProfile profile) =>
        _states.GetValue(profile, static profile => ModeState.Settled(PlaintextPorts.Write(profile)));

    private void SetSettled(WorkloadName name, InboundProfile profile)
    {
        if (!_settled.TryGetValue(name, out var before) || Settled(before) != Settled(profile))
            Revision++;
        _settled[name] = profile;
    }

    private void SetStep(WorkloadName name, Step step)
    {
        if (_steps.TryGetValue(name, out var before) && before == step)
            return;
        Revision++;
        _steps[name] = step;
    }

    private bool IsLate(Step step) => time.GetElapsedTime(step.Since) > LongestStep;

    private void Settle(WorkloadName name, InboundProfile profile)
    {
        _settled[name] = profile;
        _steps.Remove(name);
        Revision++;
    }

    private void Forget(WorkloadName gone)
    {
        if (!_settled.Remove(gone))
            return;
        Revision++;
        _steps.Remove(gone);
    }

    private MeshModel Serve(MeshModel wanted)
    {
        var workloads = wanted.Workloads.ToBuilder();
        foreach (var name in _steps.Keys)
            workloads[name] = workloads[name] with { Inbound = Open(_steps[name].Before, workloads[name].Inbound) };
        var services = wanted.Services;
        foreach (var service in wanted.Services.Values)
        {
            if (!service.Ports.SelectMany(Endpoints).Any(IsWaiting))
                continue;
            services = services.SetItem(
                service.Name,
                service with
                {
                    Ports = service.Ports.Select(port => KeepMode(port, wanted)).ToValueList(),
                }
            );
        }

        return wanted with
        {
            Workloads = workloads.ToImmutable(),
            Services = services,
        };
    }

    /// <summary>Whether clients shall still call it as before.</summary>
    private bool IsWaiting(MeshEndpoint endpoint) =>
        endpoint.Workload is { } name && _steps.TryGetValue(name, out var step) && !step.ClientsMove;

    private MeshServicePort KeepMode(MeshServicePort port, MeshModel wanted) =>
        port with
        {
            Endpoints = port.Endpoints.Select(e => KeepMode(e, wanted)).ToValueList(),
            Pools = port
                .Pools.Select(p =>
                    p with
                    {
                        Members = p.Members.Select(m => m with { Endpoint = KeepMode(m.Endpoint, wanted) }).ToValueList(),
                    }
                )
                .ToValueList(),
        };

    private MeshEndpoint KeepMode(MeshEndpoint endpoint, MeshModel wanted)
    {
        if (!IsWaiting(endpoint))
            return endpoint;
        var name = endpoint.Workload!.Value;
        return endpoint with
        {
            Identity = _settled[name].GetMode(endpoint.Port) is MtlsMode.Disabled ? null : wanted.Workloads[name].Identity,
        };
    }

    /// <summary>The wanted profile, but open for both where the mode changes. The policy is not in effect until that is over.</summary>
    private static InboundProfile Open(ImmutableList<InboundProfile> before, InboundProfile wanted)
    {
        var ports = wanted.Ports.Select(port => port with { Mode = Open(port.Mode, before.Select(b => b.GetMode(port.Port))) }).ToList();
        foreach (var port in before.SelectMany(b => b.Ports))
        {
            if (ports.Exists(p => p.Port == port.Port))
                continue;
            var mode = Open(wanted.DefaultMode, before.Select(b => b.GetMode(port.Port)));
            if (mode != wanted.DefaultMode)
                ports.Add(new InboundPort(port.Port, port.Protocol, mode, wanted.DefaultAccess));
        }

        return wanted with
        {
            DefaultMode = Open(wanted.DefaultMode, before.Select(b => b.DefaultMode)),
            Ports = ports.OrderBy(port => port.Port).ToValueList(),
            Policies = wanted.Policies.Where(policy => policy.Kind != nameof(Api.Policies.MtlsPolicy)).ToValueList(),
        };
    }

    private static MtlsMode Open(MtlsMode wanted, IEnumerable<MtlsMode> before) =>
        before.Any(mode => NeedsSteps(mode, wanted)) ? MtlsMode.Permissive : wanted;

    private static bool NeedsSteps(InboundProfile from, InboundProfile to) =>
        NeedsSteps(from.DefaultMode, to.DefaultMode)
        || from.Ports.Any(port => NeedsSteps(port.Mode, to.GetMode(port.Port)))
        || to.Ports.Any(port => NeedsSteps(from.GetMode(port.Port), port.Mode));

    private static bool NeedsSteps(MtlsMode from, MtlsMode to) => from != to && (from is MtlsMode.Disabled || to is MtlsMode.Disabled);

    /// <summary>The service ports whose clients are to follow.</summary>
    private List<BackendTarget> PortsOfMoving(MeshModel model) =>
        !_steps.Values.Any(step => step.ClientsMove)
            ? []
            :
            [
                .. model
                    .Services.Values.SelectMany(service => service.Ports)
                    .Where(port => Endpoints(port).Any(Moves))
                    .Select(port => new BackendTarget(port.Service, port.Port)),
            ];

    /// <summary>All endpoints to which calls of a service port go.</summary>
    private static IEnumerable<MeshEndpoint> Endpoints(MeshServicePort port) =>
        port.Endpoints.Concat(port.Pools.SelectMany(pool => pool.Members).Select(member => member.Endpoint));

    private bool Moves(MeshEndpoint endpoint) =>
        endpoint.Workload is { } name && _steps.TryGetValue(name, out var step) && step.ClientsMove;

    /// <param name="ClientsMove">Whether the server is open and clients are to follow.</param>
    /// <param name="Since">When it began.</param>
    /// <param name="Before">What clients may still go by.</param>
    /// <param name="Target">What they are led to.</param>
    /// <param name="Outdated">What the leader had written down that is from before this step; null when there is nothing.</param>
    private sealed record Step(
        bool ClientsMove,
        long Since,
        ImmutableList<InboundProfile> Before,
        InboundProfile Target,
        ModeRecord? Outdated
    )
    {
        public ModeState State => new(Before.Select(PlaintextPorts.Write).ToValueList(), PlaintextPorts.Write(Target), ClientsMove);
    }
}
