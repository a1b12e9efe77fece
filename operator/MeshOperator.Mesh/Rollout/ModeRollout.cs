using System.Collections.Immutable;
using MeshOperator.Mesh.Model;

namespace MeshOperator.Mesh.Rollout;

/// <summary>Carries a change of a workload's mutual TLS mode to servers and clients in an order in which no call fails: first the server
/// takes both, then the clients follow, and only then the server refuses the other. Strict and Permissive need no such steps, as clients
/// in the mesh use mutual TLS with both. Each step waits for acknowledgements, but not without end. Not thread-safe.</summary>
public sealed class ModeRollout(TimeProvider time)
{
    /// <summary>How long a step waits for proxies that do not answer.</summary>
    public static readonly TimeSpan LongestStep = TimeSpan.FromSeconds(30);

    private readonly Dictionary<WorkloadName, InboundProfile> _settled = [];
    private readonly Dictionary<WorkloadName, Step> _steps = [];
    private List<BackendTarget> _moving = [];

    /// <summary>The workloads whose change is in progress.</summary>
    public IReadOnlyCollection<WorkloadName> Pending => _steps.Keys;

    /// <summary>The model to serve on the way to <paramref name="wanted"/>.</summary>
    /// <param name="wanted">What policies say.</param>
    /// <param name="progress">What was acknowledged of the model that was given back last.</param>
    public MeshModel Apply(MeshModel wanted, IRolloutProgress progress)
    {
        ArgumentNullException.ThrowIfNull(wanted);
        ArgumentNullException.ThrowIfNull(progress);
        Forget(wanted);
        var haveClients = _moving.Count == 0 || progress.HaveClients(_moving);
        foreach (var (name, workload) in wanted.Workloads)
            Advance(name, workload.Inbound, progress, haveClients);
        _moving = PortsOfMoving(wanted);
        return _steps.Count == 0 ? wanted : Serve(wanted);
    }

    /// <summary>Whether <see cref="Apply"/> would take a step that it could not take last time, with the same wanted model.</summary>
    public bool CanAdvance(IRolloutProgress progress)
    {
        ArgumentNullException.ThrowIfNull(progress);
        return _steps.Any(step => IsLate(step.Value) || (!step.Value.ClientsMove && progress.HasServer(step.Key)))
            || (_steps.Values.Any(step => step.ClientsMove) && progress.HaveClients(_moving));
    }

    private void Advance(WorkloadName name, InboundProfile wanted, IRolloutProgress progress, bool haveClients)
    {
        if (!_settled.TryGetValue(name, out var settled))
        {
            _settled[name] = wanted;
            return;
        }

        if (!_steps.TryGetValue(name, out var step))
        {
            if (ReferenceEquals(settled, wanted) || !NeedsSteps(settled, wanted))
                _settled[name] = wanted;
            else
                _steps[name] = new Step(ClientsMove: false, time.GetTimestamp(), [settled], wanted);
            return;
        }

        if (!step.ClientsMove)
        {
            if (!NeedsSteps(settled, wanted))
                Settle(name, wanted);
            else if (IsLate(step) || progress.HasServer(name))
                _steps[name] = step with { ClientsMove = true, Since = time.GetTimestamp(), Target = wanted };
            else
                _steps[name] = step with { Target = wanted };
        }
        else if (NeedsSteps(step.Target, wanted))
        {
            // Some clients may still be where they were, some are where they were led to.
            _steps[name] = new Step(ClientsMove: true, time.GetTimestamp(), [.. step.Before, step.Target], wanted);
        }
        else if (IsLate(step) || haveClients)
        {
            Settle(name, wanted);
        }
    }

    private bool IsLate(Step step) => time.GetElapsedTime(step.Since) > LongestStep;

    private void Settle(WorkloadName name, InboundProfile profile)
    {
        _settled[name] = profile;
        _steps.Remove(name);
    }

    private void Forget(MeshModel wanted)
    {
        if (_settled.Count <= wanted.Workloads.Count && _settled.Keys.All(wanted.Workloads.ContainsKey))
            return;
        foreach (var gone in _settled.Keys.Where(name => !wanted.Workloads.ContainsKey(name)).ToList())
        {
            _settled.Remove(gone);
            _steps.Remove(gone);
        }
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
            Identity = _settled[name].ModeOf(endpoint.Port) is MtlsMode.Disabled ? null : wanted.Workloads[name].Identity,
        };
    }

    /// <summary>The wanted profile, but open for both where the mode changes. The policy is not in effect until that is over.</summary>
    private static InboundProfile Open(ImmutableList<InboundProfile> before, InboundProfile wanted)
    {
        var ports = wanted.Ports.Select(port => port with { Mode = Open(port.Mode, before.Select(b => b.ModeOf(port.Port))) }).ToList();
        foreach (var port in before.SelectMany(b => b.Ports))
        {
            if (ports.Exists(p => p.Port == port.Port))
                continue;
            var mode = Open(wanted.DefaultMode, before.Select(b => b.ModeOf(port.Port)));
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
        || from.Ports.Any(port => NeedsSteps(port.Mode, to.ModeOf(port.Port)))
        || to.Ports.Any(port => NeedsSteps(from.ModeOf(port.Port), port.Mode));

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
    private sealed record Step(bool ClientsMove, long Since, ImmutableList<InboundProfile> Before, InboundProfile Target);
}
