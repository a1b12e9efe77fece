using System.Collections.Immutable;
using k8s;
using k8s.Models;
using MeshOperator.Api.Policies;
using MeshOperator.Api.Validation;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Entities;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Mesh.Shifts;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Modes;
using MeshOperator.Rbac;
using MeshOperator.Revocations;
using MeshOperator.Settings;

namespace MeshOperator.Snapshots;

/// <summary>Keeps a <see cref="ClusterSnapshot"/> in step with the informers: each change replaces one record.</summary>
[GenericRbac("", "namespaces,nodes,services,pods", "list,watch")]
[GenericRbac("discovery.k8s.io", "endpointslices", "list,watch")]
[PolicyRbac("get,list,watch")]
internal sealed class ClusterSnapshotSource : IDisposable
{
    private readonly Lock _lock = new();
    private readonly SemaphoreSlim _changed = new(0, 1);
    private readonly List<IInformer> _informers = [];
    private readonly ILogger _logger;
    private ClusterSnapshot _current;

    public ClusterSnapshotSource(
        OperatorOptions options,
        SharedInformer<V1Namespace> namespaces,
        SharedInformer<V1Node> nodes,
        SharedInformer<V1Service> services,
        SharedInformer<V1EndpointSlice> slices,
        SharedInformer<V1Pod> pods,
        SharedInformer<V1Lease> leases,
        SharedInformer<TrafficSplit> splits,
        IEnumerable<IPolicyFeed> policies,
        ILogger<ClusterSnapshotSource> logger
    )
    {
        _logger = logger;
        _current = ClusterSnapshot.Empty with
        {
            TrustDomain = options.TrustDomain,
            ClusterDomain = options.ClusterDomain,
            Application = ApplicationSettings.Read(options.Injection),
            OperatorNamespace = options.Namespace,
            HasNodes = !options.LoopbackOnly,
            IsScopedToNamespace = options.DefaultUpstreams is DefaultUpstreams.Namespace,
        };
        var annotated = new AnnotatedReader(logger);
        Follow(leases);
        Follow(namespaces, annotated.Read, s => s.Namespaces, (s, v) => s with { Namespaces = v });
        Follow(nodes, (node, _) => RecordReader.Read(node), s => s.Nodes, (s, v) => s with { Nodes = v });
        Follow(services, (service, _) => RecordReader.Read(service), s => s.Services, (s, v) => s with { Services = v });
        Follow(slices, (slice, _) => RecordReader.Read(slice), s => s.EndpointSlices, (s, v) => s with { EndpointSlices = v });
        Follow(pods, annotated.Read, s => s.Pods, (s, v) => s with { Pods = v });
        foreach (var feed in policies)
            feed.AddTo(this);
        Follow(
            splits,
            (split, _) => ShiftProgress.Read(split) is { Count: > 0 } shifts ? shifts : null,
            s => s.Shifts,
            (s, v) => s with { Shifts = v }
        );
    }

    /// <summary>The cluster as it is known now.</summary>
    public ClusterSnapshot Current => Volatile.Read(ref _current);

    /// <summary>Waits until all kinds were listed once.</summary>
    public async Task WaitForSyncAsync(CancellationToken cancellation)
    {
        await Task.WhenAll(_informers.Select(i => i.WaitForSyncAsync(cancellation)));
        Log.Synced(_logger, _informers.Count);
    }

    /// <summary>Waits until something has changed since the last call.</summary>
    public Task WaitForChangeAsync(CancellationToken cancellation) => _changed.WaitAsync(cancellation);

    /// <summary>Follows the policies of one kind.</summary>
    public void Follow<TPolicy, TSpec>(PolicyKind<TPolicy, TSpec> kind, SharedInformer<TPolicy> informer)
        where TPolicy : CustomKubernetesEntity, IMeshPolicy<TSpec>, new()
        where TSpec : class, new() =>
        Follow(
            informer,
            (policy, before) => PolicyReader.Read(kind, policy, before),
            (snapshot, name) => snapshot.Policies.Find(kind, name),
            (snapshot, name, record) =>
                snapshot with
                {
                    Policies = record is null ? snapshot.Policies.Without(kind, name) : snapshot.Policies.With(kind, name, record),
                }
        );

    public void Dispose() => _changed.Dispose();

    /// <summary>Follows the Lease with the revisions of ports, which is one object for all pods. What the leader writes of modes is no
    /// part of the snapshot, but decides what becomes of it.</summary>
    private void Follow(SharedInformer<V1Lease> leases)
    {
        _informers.Add(leases);
        leases.Changed += change =>
        {
            if (change.Key.Name is not (RevocationRecord.LeaseName or ModeRecordText.LeaseName))
                return;
            lock (_lock)
            {
                if (change.Key.Name == RevocationRecord.LeaseName)
                    Volatile.Write(ref _current, _current with { Revisions = RevocationRecord.Read(change.New, _current.Revisions) });
                if (_changed.CurrentCount == 0)
                    _changed.Release();
            }
        };
    }

    private void Follow<TEntity, TRecord>(
        SharedInformer<TEntity> informer,
        Func<TEntity, TRecord?, TRecord?> read,
        Func<ClusterSnapshot, ImmutableDictionary<ObjectName, TRecord>> get,
        Func<ClusterSnapshot, ImmutableDictionary<ObjectName, TRecord>, ClusterSnapshot> set
    )
        where TEntity : class, IKubernetesObject<V1ObjectMeta>
        where TRecord : class =>
        Follow(
            informer,
            read,
            (snapshot, name) => get(snapshot).GetValueOrDefault(name),
            (snapshot, name, record) => set(snapshot, record is null ? get(snapshot).Remove(name) : get(snapshot).SetItem(name, record))
        );

    private void Follow<TEntity, TRecord>(
        SharedInformer<TEntity> informer,
        Func<TEntity, TRecord?, TRecord?> read,
        Func<ClusterSnapshot, ObjectName, TRecord?> find,
        Func<ClusterSnapshot, ObjectName, TRecord?, ClusterSnapshot> replace
    )
        where TEntity : class, IKubernetesObject<V1ObjectMeta>
        where TRecord : class
    {
        _informers.Add(informer);
        informer.Changed += change =>
        {
            var name = new ObjectName(change.Key.Namespace, change.Key.Name);
            lock (_lock)
            {
                var before = find(_current, name);
                var record = change.New is null ? null : TryRead(change.Key, change.New, before, read);
                // Most updates of pods and services (status, annotations) change nothing that matters here.
                if (Equals(before, record))
                    return;
                Volatile.Write(ref _current, replace(_current, name, record));
                if (_changed.CurrentCount == 0)
                    _changed.Release();
            }
        };
    }

    /// <summary>One object that cannot be read must not stop the others.</summary>
    private TRecord? TryRead<TEntity, TRecord>(ObjectKey key, TEntity entity, TRecord? before, Func<TEntity, TRecord?, TRecord?> read)
        where TEntity : class
        where TRecord : class
    {
        try
        {
            return read(entity, before);
        }
        catch (Exception e) when (e is NullReferenceException or FormatException or ArgumentException or InvalidOperationException)
        {
            Log.Unreadable(_logger, typeof(TEntity).Name, key.ToString(), e.Message);
            return before;
        }
    }
}
