using System.Collections.Immutable;
using System.Net;
using k8s.Models;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Settings;
using MeshOperator.Xds.LoadStats;
using MeshOperator.Xds.Registry;

namespace MeshOperator.Replicas;

/// <summary>Follows what all other replicas report. Who is there is said by their Leases.</summary>
internal sealed class ReplicaPeers(
    SharedInformer<V1Lease> leases,
    ReplicaAges ages,
    ReplicaBoard own,
    ApiContact contact,
    ReplicaTls tls,
    OperatorOptions options,
    TimeProvider time,
    ILogger<ReplicaPeers> logger
) : BackgroundService, IPeerContacts
{
    /// <summary>How long a proxy that has left a replica is taken for one that is about to connect to another.</summary>
    public static readonly TimeSpan ReconnectsWithin = TimeSpan.FromSeconds(10);

    /// <summary>The same where the replica is gone, with all of its proxies.</summary>
    public static readonly TimeSpan AllReconnectWithin = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(1);

    /// <summary>Leases that are not seen renewed say nothing while the API server is silent, and for so long after that.</summary>
    private static readonly TimeSpan RenewedWithin = TimeSpan.FromSeconds(20);

    /// <summary>A replica that has just started need not report yet.</summary>
    private static readonly TimeSpan ReportsWithin = TimeSpan.FromSeconds(5);

    private readonly Lock _gate = new();
    private readonly Dictionary<string, Peer> _peers = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Left> _departures = new(StringComparer.Ordinal);
    private RemoteProxies? _current = RemoteProxies.None;
    private DateTimeOffset _startedAt = DateTimeOffset.MaxValue;
    private DateTimeOffset _keepsUntil = DateTimeOffset.MinValue;

    /// <summary>Raised when <see cref="Current"/> has changed; must return at once.</summary>
    public event Action? Changed;

    /// <summary>The other replicas' proxies as they are known now.</summary>
    public RemoteProxies Current
    {
        get
        {
            lock (_gate)
                return _current ??= Compose();
        }
    }

    /// <summary>Whether all other replicas have reported, or were waited for long enough.</summary>
    public bool AreHeard
    {
        get
        {
            if (options.ElectionIdentity is null)
                return true;
            lock (_gate)
                return time.GetUtcNow() - _startedAt >= ReportsWithin || (HasLooked && _peers.Values.All(peer => peer.State is not null));
        }
    }

    /// <summary>How far another replica's proxies are with changes of mode, by its name.</summary>
    public ReplicaModes FindModes(string replica)
    {
        lock (_gate)
            return _peers.GetValueOrDefault(replica)?.State?.Modes ?? ReplicaModes.None;
    }

    /// <summary>What another replica's proxies have counted, by cluster.</summary>
    public ImmutableDictionary<string, ClusterLoad> FindLoads(string replica)
    {
        lock (_gate)
            return _peers.GetValueOrDefault(replica)?.State?.Loads ?? ClusterLoad.None;
    }

    /// <inheritdoc/>
    public async Task<bool> ReachApiServerAsync(TimeSpan within, CancellationToken cancellation)
    {
        List<ReplicaPeer> clients;
        lock (_gate)
            clients = [.. _peers.Values.Select(peer => peer.Client)];
        var contacts = await Task.WhenAll(clients.Select(client => client.FindContactAsync(cancellation)));
        return contacts.Any(contact => contact < within);
    }

    private bool HasLooked => _startedAt != DateTimeOffset.MaxValue;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (options.ElectionIdentity is not { } self)
            return;
        own.Published += SeeOwn;
        try
        {
            await leases.WaitForSyncAsync(stoppingToken);
            while (true)
            {
                Look(self);
                await Task.Delay(LookEvery, time, stoppingToken);
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested) { }
        finally
        {
            own.Published -= SeeOwn;
            await Task.WhenAll(_peers.Values.Select(peer => peer.DisposeAsync().AsTask()));
        }
    }

    /// <summary>Where the other replicas are, by their names.</summary>
    private Dictionary<string, IPEndPoint> FindOthers(string self)
    {
        var found = new Dictionary<string, IPEndPoint>(StringComparer.Ordinal);
        foreach (var lease in ages.FindOthers(leases.Objects.Values, self))
        {
            if (ReplicaLeases.FindAddress(lease) is { } address)
                found.TryAdd(lease.Spec.HolderIdentity, address);
        }

        return found;
    }

    private void Look(string self)
    {
        var there = FindOthers(self);
        lock (_gate)
        {
            var changed = false;
            if (contact.Elapsed > ReportsWithin)
                _keepsUntil = time.GetUtcNow() + RenewedWithin;
            foreach (var (name, peer) in _peers.Where(p => IsGone(p.Key, p.Value, there)).ToList())
            {
                Depart(name, peer, _ => true, AllReconnectWithin);
                _peers.Remove(name);
                _ = peer.DisposeAsync().AsTask();
                changed = true;
            }

            foreach (var (name, address) in there.Where(replica => !_peers.ContainsKey(replica.Key)))
            {
                var peer = new Peer(new ReplicaPeer(address, tls, time), time.GetUtcNow());
                _peers[name] = peer;
                own.Want();
                peer.Following = FollowAsync(name, peer, peer.Ends);
                changed = true;
            }

            var now = time.GetUtcNow();
            foreach (var node in _departures.Where(d => d.Value.Until <= now).Select(d => d.Key).ToList())
                changed |= _departures.Remove(node);
            foreach (var peer in _peers.Values.Where(p => !p.IsSaidSilent && IsSilent(p, now)))
                changed = peer.IsSaidSilent = true;
            if (!HasLooked)
                _startedAt = now;
            if (!changed)
                return;
            _current = null;
        }

        Changed?.Invoke();
    }

    private bool IsGone(string name, Peer peer, Dictionary<string, IPEndPoint> there) =>
        there.TryGetValue(name, out var address) ? !address.Equals(peer.Client.Address) : time.GetUtcNow() >= _keepsUntil;

    private async Task FollowAsync(string name, Peer peer, CancellationToken ends)
    {
        while (!ends.IsCancellationRequested)
        {
            try
            {
                await peer.Client.ReadReportAsync(frame => See(name, peer, frame), ends);
            }
            catch (OperationCanceledException) when (ends.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e) when (e is IOException or HttpRequestException or FormatException)
            {
                Log.ReplicaSilent(logger, name, peer.Client.Address.ToString(), e.Message);
                Lose(name, peer);
            }

            try
            {
                await Task.Delay(LookEvery, time, ends);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    private void See(string name, Peer peer, ReplicaFrame frame)
    {
        lock (_gate)
        {
            var isFirst = peer.State is null;
            var before = peer.Replica;
            var state = frame.ApplyTo(peer.State ?? ReplicaState.None);
            peer.IsSaidSilent = false;
            if (!isFirst && ReferenceEquals(state, peer.State))
                return;
            peer.IsSameVersion = frame.Version is null ? peer.IsSameVersion : frame.Version == options.Version;
            (peer.State, peer.Replica) = (state, new RemoteReplica(name, peer.IsSameVersion, state.Proxies));
            if (before is not null)
                Depart(before, node => !state.Proxies.Proxies.ContainsKey(node), ReconnectsWithin);
            _current = null;
        }

        Changed?.Invoke();
    }

    private void Lose(string name, Peer peer)
    {
        lock (_gate)
        {
            if (peer.State is null)
                return;
            Depart(name, peer, _ => true, AllReconnectWithin);
            (peer.State, peer.Replica, peer.Since) = (null, null, time.GetUtcNow());
            _current = null;
        }

        Changed?.Invoke();
    }

    private void SeeOwn(ReplicaState before, ReplicaState after)
    {
        if (ReferenceEquals(before.Proxies.Proxies, after.Proxies.Proxies))
            return;
        lock (_gate)
        {
            var self = new RemoteReplica(options.ElectionIdentity ?? string.Empty, IsSameVersion: true, before.Proxies);
            Depart(self, node => !after.Proxies.Proxies.ContainsKey(node), ReconnectsWithin);
            _current = null;
        }

        Changed?.Invoke();
    }

    private void Depart(string name, Peer peer, Func<string, bool> isGone, TimeSpan within) =>
        Depart(peer.Replica ?? new RemoteReplica(name, peer.IsSameVersion, ReplicaProxies.None), isGone, within);

    private void Depart(RemoteReplica from, Func<string, bool> isGone, TimeSpan within)
    {
        var until = time.GetUtcNow() + within;
        foreach (var node in from.Report.Proxies.Keys.Where(isGone))
            _departures[node] = new Left(from, until);
    }

    private static bool IsSilent(Peer peer, DateTimeOffset now) => peer.State is null && now - peer.Since > ReportsWithin;

    private RemoteProxies Compose()
    {
        var now = time.GetUtcNow();
        return new RemoteProxies(
            [.. _peers.Values.Select(peer => peer.Replica).OfType<RemoteReplica>()],
            _departures.ToImmutableDictionary(d => d.Key, d => d.Value.From, StringComparer.Ordinal),
            [.. _peers.Where(p => IsSilent(p.Value, now)).Select(p => p.Key).Order(StringComparer.Ordinal)]
        );
    }

    private sealed record Left(RemoteReplica From, DateTimeOffset Until);

    private sealed class Peer(ReplicaPeer client, DateTimeOffset since) : IAsyncDisposable
    {
        private readonly CancellationTokenSource _ends = new();

        public ReplicaPeer Client => client;

        /// <summary>Since when it is there, or has not reported any more.</summary>
        public DateTimeOffset Since { get; set; } = since;

        public ReplicaState? State { get; set; }

        public RemoteReplica? Replica { get; set; }

        public bool IsSameVersion { get; set; } = true;

        public bool IsSaidSilent { get; set; }

        public Task Following { get; set; } = Task.CompletedTask;

        public CancellationToken Ends => _ends.Token;

        public async ValueTask DisposeAsync()
        {
            await _ends.CancelAsync();
            await Following;
            _ends.Dispose();
        }
    }
}
