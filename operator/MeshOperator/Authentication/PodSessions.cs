using System.Collections.Concurrent;
using k8s.Models;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Mesh.Model;

namespace MeshOperator.Authentication;

/// <summary>Signals when the pod of a proxy was deleted, so that it can be cut off. A pod that only terminates still has connections to
/// serve.</summary>
internal sealed class PodSessions : IDisposable
{
    /// <summary>Besides those of known pods: sessions of pods that were not seen yet.</summary>
    private const int MostUnseen = 1000;

    private readonly SharedInformer<V1Pod> _pods;
    private readonly ConcurrentDictionary<ObjectKey, Session> _sessions = new();

    public PodSessions(SharedInformer<V1Pod> pods)
    {
        _pods = pods;
        pods.Changed += OnChanged;
    }

    /// <summary>Waits until the pods of the cluster are known, which they are not when the operator has just started.</summary>
    public Task WaitForPodsAsync(CancellationToken cancellation) => _pods.WaitForSyncAsync(cancellation);

    /// <summary>What is known of a pod.</summary>
    public PodPresence Find(WorkloadName pod, string? uid) =>
        !_pods.Objects.TryGetValue(Key(pod), out var known) ? PodPresence.Unseen
        : known.Metadata.Uid == uid ? PodPresence.Present
        : PodPresence.Replaced;

    /// <summary>Cancelled when the pod is no more.</summary>
    public CancellationToken Open(PodOfToken pod)
    {
        var key = Key(pod.Pod);
        if (_sessions.Count > _pods.Objects.Count + MostUnseen)
            EndUnseen();
        var token = _sessions
            .AddOrUpdate(
                key,
                static (_, uid) => new Session(uid),
                static (_, old, uid) => old.Uid == uid ? old : Replace(old, uid),
                pod.Uid
            )
            .Token;
        // It may have been deleted before the session was there to be ended.
        if (Find(pod.Pod, pod.Uid) is PodPresence.Replaced)
            End(key, known => known.Uid == pod.Uid);
        return token;
    }

    public void Dispose() => _pods.Changed -= OnChanged;

    private static ObjectKey Key(WorkloadName pod) => new(pod.Namespace, pod.Pod);

    private static Session Replace(Session old, string uid)
    {
        old.Dispose();
        return new Session(uid);
    }

    private void OnChanged(ObjectChange<V1Pod> change) => End(change.Key, session => change.New?.Metadata.Uid != session.Uid);

    private void EndUnseen()
    {
        foreach (var key in _sessions.Keys)
        {
            if (!_pods.Objects.ContainsKey(key))
                End(key, _ => true);
        }
    }

    private void End(ObjectKey key, Func<Session, bool> isOver)
    {
        if (_sessions.TryGetValue(key, out var session) && isOver(session) && _sessions.TryRemove(KeyValuePair.Create(key, session)))
            session.Dispose();
    }

    /// <summary>The streams of one pod.</summary>
    private sealed class Session : IDisposable
    {
        private readonly CancellationTokenSource _over = new();

        public Session(string uid) => (Uid, Token) = (uid, _over.Token);

        public string Uid { get; }

        public CancellationToken Token { get; }

        /// <summary>Ends them, without waiting: the informer reports a deletion on its own thread.</summary>
        public void Dispose() => _ = _over.CancelAsync();
    }
}

/// <summary>What is known of a pod of a name and UID.</summary>
internal enum PodPresence
{
    /// <summary>No pod of that name was seen: it may be too new.</summary>
    Unseen,

    /// <summary>It is there.</summary>
    Present,

    /// <summary>Another pod has its name.</summary>
    Replaced,
}
