using System.Net;
using k8s.Models;
using MeshOperator.Kubernetes.Client;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

namespace MeshOperator.Kubernetes.LeaderElection;

/// <summary>Elects one of several replicas by a Lease. A lease is taken when it has no holder, or when it has not changed for its
/// duration by this replica's own clock, so that clocks need not agree; it is given back on shutdown.</summary>
public sealed class LeaseElection : BackgroundService, ILeadership
{
    private static readonly TimeSpan Duration = TimeSpan.FromSeconds(15);
    private static readonly TimeSpan RenewEvery = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan RetryEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RenewDeadline = TimeSpan.FromSeconds(10);
    private readonly EntityClient<V1Lease> _leases;
    private readonly ObjectKey _lease;
    private readonly string _identity;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private long _renewedAt;
    private bool _held;
    private (string? Version, long SeenAt) _others;

    /// <summary>Makes a candidate.</summary>
    /// <param name="leases">The client of leases.</param>
    /// <param name="lease">The lease; it is created when missing.</param>
    /// <param name="identity">This replica's name, different from all others'.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Says who leads.</param>
    public LeaseElection(EntityClient<V1Lease> leases, ObjectKey lease, string identity, TimeProvider time, ILogger<LeaseElection> logger)
    {
        _leases = leases;
        _lease = lease;
        _identity = identity;
        _time = time;
        _logger = logger;
    }

    /// <inheritdoc/>
    public event Action? Changed;

    /// <inheritdoc/>
    public bool IsLeader => Volatile.Read(ref _held) && _time.GetElapsedTime(Volatile.Read(ref _renewedAt)) < RenewDeadline;

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        if (!_held) return;
        Set(held: false);
        try
        {
            if (await _leases.GetAsync(_lease, cancellationToken) is not { } current || current.Spec.HolderIdentity != _identity) return;
            current.Spec.HolderIdentity = null;
            await _leases.ReplaceAsync(current, cancellationToken);
        }
        catch (Exception e) when (e is KubernetesApiException or HttpRequestException or TimeoutException or OperationCanceledException)
        {
            Log.LeaseFailed(_logger, e, _lease.ToString());
        }
    }

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            while (true)
            {
                await TryAsync(stoppingToken);
                await Task.Delay(_held ? RenewEvery : RetryEvery, _time, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
        }
    }

    private async Task TryAsync(CancellationToken cancellation)
    {
        try
        {
            // What is granted counts from before it was asked for.
            var asked = _time.GetTimestamp();
            var granted = await AcquireOrRenewAsync(cancellation);
            if (granted) Volatile.Write(ref _renewedAt, asked);
            Set(granted);
        }
        catch (Exception e) when (e is KubernetesApiException or HttpRequestException or TimeoutException)
        {
            Log.LeaseFailed(_logger, e, _lease.ToString());
            if (_held && !IsLeader) Set(held: false);
        }
    }

    private async Task<bool> AcquireOrRenewAsync(CancellationToken cancellation)
    {
        var now = _time.GetUtcNow().UtcDateTime;
        var current = await _leases.GetAsync(_lease, cancellation);
        try
        {
            if (current is null)
            {
                var fresh = new V1Lease { Metadata = new V1ObjectMeta { Name = _lease.Name, NamespaceProperty = _lease.Namespace }, Spec = new V1LeaseSpec() };
                Take(fresh, now, transitions: 0);
                await _leases.CreateAsync(fresh, cancellation);
                return true;
            }

            if (current.Spec.HolderIdentity == _identity)
            {
                current.Spec.RenewTime = now;
                await _leases.ReplaceAsync(current, cancellation);
                return true;
            }

            if (!string.IsNullOrEmpty(current.Spec.HolderIdentity) && !HasExpired(current)) return false;
            Take(current, now, (current.Spec.LeaseTransitions ?? 0) + 1);
            // The resource version in the metadata lets only one candidate win.
            await _leases.ReplaceAsync(current, cancellation);
            return true;
        }
        catch (KubernetesApiException e) when (e.StatusCode == HttpStatusCode.Conflict)
        {
            return false;
        }
    }

    private bool HasExpired(V1Lease lease)
    {
        if (_others.Version != lease.Metadata.ResourceVersion) _others = (lease.Metadata.ResourceVersion, _time.GetTimestamp());
        return _time.GetElapsedTime(_others.SeenAt) > TimeSpan.FromSeconds(lease.Spec.LeaseDurationSeconds ?? (int)Duration.TotalSeconds);
    }

    private void Take(V1Lease lease, DateTime now, int transitions)
    {
        lease.Spec.HolderIdentity = _identity;
        lease.Spec.AcquireTime = now;
        lease.Spec.RenewTime = now;
        lease.Spec.LeaseDurationSeconds = (int)Duration.TotalSeconds;
        lease.Spec.LeaseTransitions = transitions;
    }

    private void Set(bool held)
    {
        if (_held == held) return;
        Volatile.Write(ref _held, held);
        if (held) Log.Leading(_logger, _identity, _lease.ToString());
        else Log.LostLeadership(_logger, _identity, _lease.ToString());
        Changed?.Invoke();
    }
}
