using System.Net;
using k8s.Models;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Metrics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace MeshOperator.Kubernetes.LeaderElection;

/// <summary>Elects one of several replicas by a Lease. A lease is taken when it has no holder, or when it has not changed for a while by
/// this replica's own clock, so that clocks need not agree; it is given back on shutdown.</summary>
/// <remarks>
/// <para>What is guaranteed. The lease is only ever written with the resource version it was read with, so of several candidates one
/// wins. A leader counts a renewal from before it asked for it, and stops leading (<see cref="IsLeader"/>, <see cref="Term"/>)
/// <see cref="LeaderElectionOptions.RenewDeadline"/> later; a candidate counts from when it saw the renewal, and waits longer than
/// that. So two replicas never think at the same time that they lead, as long as their clocks run equally fast.</para>
/// <para>What is not. A process can be stopped between asking <see cref="IsLeader"/> and the arrival of its write. Such a write is
/// refused by the API server only if it carries a resource version that was read while leading, and the object has been written to
/// since; all writes of a leader that must not undo a later leader's work are to carry one (as
/// <see cref="Status.StatusWriter{TEntity}"/> does). <see cref="ConfirmAsync"/> makes the time between asking and writing short and
/// known, but cannot make it nothing.</para>
/// </remarks>
public sealed class LeaseElection : BackgroundService, ILeadership
{
    private const int MostConflicts = 3;
    private readonly EntityClient<V1Lease> _leases;
    private readonly ObjectKey _lease;
    private readonly string _identity;
    private readonly LeaderElectionOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly SemaphoreSlim _turn = new(1);
    private readonly Lock _lock = new();
    private readonly ITimer _deadline;
    private CancellationTokenSource _term = Ended();
    private long _renewedAt;
    private long _answeredAt;
    private bool _held;
    private (string? Version, long SeenAt) _others;

    /// <summary>Makes a candidate.</summary>
    /// <param name="leases">The client of leases.</param>
    /// <param name="lease">The lease; it is created when missing.</param>
    /// <param name="identity">This replica's name, different from all others'.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Says who leads.</param>
    /// <param name="options">The times; null for the defaults.</param>
    public LeaseElection(
        EntityClient<V1Lease> leases,
        ObjectKey lease,
        string identity,
        TimeProvider time,
        ILogger<LeaseElection> logger,
        LeaderElectionOptions? options = null
    )
    {
        _leases = leases;
        _lease = lease;
        _identity = identity;
        _time = time;
        _logger = logger;
        _options = options ?? new LeaderElectionOptions();
        _options.Validate();
        _answeredAt = time.GetTimestamp();
        _deadline = time.CreateTimer(_ => StepDownIfOverdue(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        KubernetesMetrics.Leaders.Add(this, "lease", lease.ToString(), static e => e.IsLeader ? 1 : 0);
    }

    /// <inheritdoc/>
    public event Action? Changed;

    /// <inheritdoc/>
    public bool IsLeader => Volatile.Read(ref _held) && _time.GetElapsedTime(Volatile.Read(ref _renewedAt)) < _options.RenewDeadline;

    /// <inheritdoc/>
    public long? LastAnswer => Volatile.Read(ref _answeredAt);

    /// <inheritdoc/>
    public CancellationToken Term
    {
        get
        {
            lock (_lock)
                return _term.Token;
        }
    }

    /// <inheritdoc/>
    public async Task<bool> ConfirmAsync(CancellationToken cancellation)
    {
        if (!IsLeader)
            return false;
        await TryAsync(cancellation);
        return IsLeader;
    }

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        if (!_held)
            return;
        Set(held: false, stopping: true);
        try
        {
            if (await _leases.GetAsync(_lease, cancellationToken) is not { } current || current.Spec.HolderIdentity != _identity)
                return;
            current.Spec.HolderIdentity = null;
            await _leases.ReplaceAsync(current, cancellationToken);
        }
        catch (Exception e) when (e is KubernetesApiException or HttpRequestException or TimeoutException or OperationCanceledException)
        {
            Log.LeaseFailed(_logger, e, _lease.ToString());
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        KubernetesMetrics.Leaders.Remove(this);
        _deadline.Dispose();
        _turn.Dispose();
        _term.Dispose();
        base.Dispose();
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                var renewed = await TryAsync(stoppingToken);
                await Task.Delay(renewed ? _options.RenewInterval : _options.RetryInterval, _time, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested) { }
    }

    /// <summary>Takes or renews the lease if it can be had. True when this replica holds it now.</summary>
    private async Task<bool> TryAsync(CancellationToken cancellation)
    {
        await _turn.WaitAsync(cancellation);
        // A request that hangs must not keep this replica from retrying before its lease has run out.
        using var timeout = new CancellationTokenSource(_options.RenewDeadline / 2, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellation);
        try
        {
            // What is granted counts from before it was asked for.
            var asked = _time.GetTimestamp();
            var granted = await AcquireOrRenewAsync(either.Token);
            Volatile.Write(ref _answeredAt, _time.GetTimestamp());
            if (granted)
            {
                Volatile.Write(ref _renewedAt, asked);
                var left = _options.RenewDeadline - _time.GetElapsedTime(asked);
                _deadline.Change(left > TimeSpan.Zero ? left : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
            }

            Set(granted, stopping: false);
            return granted;
        }
        catch (Exception e)
            when (e is KubernetesApiException or HttpRequestException or TimeoutException
                || (e is OperationCanceledException && !cancellation.IsCancellationRequested)
            )
        {
            Log.LeaseFailed(_logger, e, _lease.ToString());
            StepDownIfOverdue();
            return false;
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task<bool> AcquireOrRenewAsync(CancellationToken cancellation)
    {
        for (var conflicts = 0; ; conflicts++)
        {
            var now = _time.GetUtcNow().UtcDateTime;
            var current = await _leases.GetAsync(_lease, cancellation);
            try
            {
                if (current is null)
                {
                    var fresh = new V1Lease
                    {
                        Metadata = new V1ObjectMeta { Name = _lease.Name, NamespaceProperty = _lease.Namespace },
                        Spec = new V1LeaseSpec(),
                    };
                    Take(fresh, now, transitions: 0);
                    await _leases.CreateAsync(fresh, cancellation);
                    return true;
                }

                current.Spec ??= new V1LeaseSpec();
                if (current.Spec.HolderIdentity == _identity)
                    current.Spec.RenewTime = now;
                else if (!string.IsNullOrEmpty(current.Spec.HolderIdentity) && !HasExpired(current))
                    return false;
                else
                    Take(current, now, (current.Spec.LeaseTransitions ?? 0) + 1);
                // The resource version in the metadata lets only one candidate win.
                await _leases.ReplaceAsync(current, cancellation);
                return true;
            }
            catch (KubernetesApiException e) when (e.StatusCode == HttpStatusCode.Conflict && conflicts < MostConflicts)
            {
                // Another candidate was first, or someone has put a label on the lease: look who holds it now.
            }
        }
    }

    private bool HasExpired(V1Lease lease)
    {
        if (_others.Version != lease.Metadata.ResourceVersion)
            _others = (lease.Metadata.ResourceVersion, _time.GetTimestamp());
        var promised = lease.Spec.LeaseDurationSeconds is { } seconds ? TimeSpan.FromSeconds(seconds) : _options.LeaseDuration;
        // Only a holder with the same times is known to step down sooner than its lease ends.
        return _time.GetElapsedTime(_others.SeenAt) > (promised == _options.LeaseDuration ? _options.TakeoverAfter : promised);
    }

    private void Take(V1Lease lease, DateTime now, int transitions)
    {
        lease.Spec.HolderIdentity = _identity;
        lease.Spec.AcquireTime = now;
        lease.Spec.RenewTime = now;
        lease.Spec.LeaseDurationSeconds = (int)_options.LeaseDuration.TotalSeconds;
        lease.Spec.LeaseTransitions = transitions;
    }

    private void StepDownIfOverdue()
    {
        if (_held && !IsLeader)
            Set(held: false, stopping: false);
    }

    private void Set(bool held, bool stopping)
    {
        CancellationTokenSource? ended = null;
        lock (_lock)
        {
            if (_held == held)
                return;
            if (held)
                _term = new CancellationTokenSource();
            else
                ended = _term;
            Volatile.Write(ref _held, held);
        }

        if (held)
            Log.Leading(_logger, _identity, _lease.ToString());
        else if (stopping)
            Log.ReleasedLeadership(_logger, _identity, _lease.ToString());
        else
            Log.LostLeadership(_logger, _identity, _lease.ToString());
        ended?.Cancel();
        Changed?.Invoke();
    }

    private static CancellationTokenSource Ended()
    {
        var source = new CancellationTokenSource();
        source.Cancel();
        return source;
    }
}
