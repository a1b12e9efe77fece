using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Revocations;

/// <summary>Finds out where callers of bytes lose permissions that they had. A proxy judges such a connection once, so those that are open
/// must be ended: by another <see cref="InboundPort.Revision"/> of the port, which the leader writes down (<c>RevocationService</c>)
/// so that it holds on every replica and after a restart. Thread-safe.</summary>
internal sealed class RevocationTracker
{
    /// <summary>Stands for the ports that are not listed.</summary>
    private const int Others = 0;

    private readonly Lock _gate = new();
    private readonly Dictionary<(WorkloadName Workload, int Port, bool IsHttp), int> _pending = [];
    private MeshModel? _last;

    /// <summary>Raised when something is pending that was not before; must return at once.</summary>
    public event Action? Found;

    /// <summary>Looks at a model that follows the last one.</summary>
    public void See(MeshModel model)
    {
        bool found;
        lock (_gate)
        {
            var before = _last;
            _last = model;
            if (before is null || ReferenceEquals(before.Workloads, model.Workloads))
                return;
            var count = _pending.Count;
            foreach (var name in model.FindReplaced(before.Workloads))
            {
                if (
                    model.Workloads.TryGetValue(name, out var workload)
                    && before.Workloads.TryGetValue(name, out var old)
                    && !ReferenceEquals(old.Inbound, workload.Inbound)
                )
                    Compare(name, old.Inbound, workload.Inbound);
            }

            foreach (var (key, revision) in _pending.ToList())
            {
                if (
                    !model.Workloads.TryGetValue(key.Workload, out var workload)
                    || FindRevision(workload.Inbound, key.Port, key.IsHttp) >= revision
                )
                    _pending.Remove(key);
            }

            found = _pending.Count > count;
        }

        if (found)
            Found?.Invoke();
    }

    /// <summary>The revisions that are to be written down.</summary>
    public IReadOnlyList<(WorkloadName Workload, PortRevision Port)> Pending
    {
        get
        {
            lock (_gate)
                return [.. _pending.Select(entry => (entry.Key.Workload, new PortRevision(entry.Key.Port, entry.Key.IsHttp, entry.Value)))];
        }
    }

    /// <summary>Whether a policy's change has yet to reach connections that are open.</summary>
    public bool IsPending(PolicyKey policy)
    {
        lock (_gate)
        {
            return _last is { } model
                && _pending.Keys.Any(key =>
                    model.Workloads.TryGetValue(key.Workload, out var workload) && workload.Inbound.Policies.Contains(policy)
                );
        }
    }

    private void Compare(WorkloadName name, InboundProfile before, InboundProfile after)
    {
        // A port that is not listed any more has no chain any more, which ends its connections anyway.
        foreach (var port in after.Ports.Select(port => port.Port).Append(Others))
        {
            var (old, now) = (FindAccess(before, port), FindAccess(after, port));
            if (now is { EndsOpenStreams: true } && !Equals(old, now) && port != Others)
                Await(name, after, port, isHttp: true);

            // Connections to a port that was not listed are among those to the others.
            if (AccessPolicy.Narrows(old, now))
                Await(name, after, before.Find(port) is null ? Others : port, isHttp: false);
        }
    }

    private void Await(WorkloadName name, InboundProfile profile, int port, bool isHttp)
    {
        var key = (name, port, isHttp);
        _pending[key] = Math.Max(FindRevision(profile, port, isHttp) + 1, _pending.GetValueOrDefault(key));
    }

    private static AccessPolicy? FindAccess(InboundProfile profile, int port) =>
        profile.Find(port) is { } listed ? listed.Access : profile.DefaultAccess;

    private static int FindRevision(InboundProfile profile, int port, bool isHttp) =>
        profile.Find(port) is not { } listed ? profile.DefaultRevision
        : isHttp ? listed.StreamRevision
        : listed.Revision;
}
