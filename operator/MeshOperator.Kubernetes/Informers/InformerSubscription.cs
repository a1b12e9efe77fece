using System.Threading.Channels;
using k8s;
using k8s.Models;
using MeshOperator.Kubernetes.Client;

namespace MeshOperator.Kubernetes.Informers;

/// <summary>Changes of an informer's objects for a reader who may be slow: changes of one object that were not read yet become one,
/// from how the reader knew it to how it is now, so that no more is kept than there are objects. For one reader at a time.</summary>
/// <typeparam name="T">The entity type.</typeparam>
public sealed class InformerSubscription<T> : IDisposable
    where T : class, IKubernetesObject<V1ObjectMeta>
{
    private readonly Lock _lock = new();
    private readonly Dictionary<ObjectKey, (T? Old, T? New)> _pending = [];
    private readonly Channel<ObjectKey> _order = Channel.CreateUnbounded<ObjectKey>(new UnboundedChannelOptions { SingleReader = true });
    private readonly Action<InformerSubscription<T>> _ended;

    internal InformerSubscription(Action<InformerSubscription<T>> ended) => _ended = ended;

    /// <summary>How many objects have changes that were not read.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
                return _pending.Count;
        }
    }

    /// <summary>The next change; waits for one. Objects come in the order of their first change that was not read.</summary>
    /// <exception cref="ChannelClosedException">The subscription was disposed of.</exception>
    public async ValueTask<ObjectChange<T>> ReadAsync(CancellationToken cancellation)
    {
        while (true)
        {
            var key = await _order.Reader.ReadAsync(cancellation);
            lock (_lock)
            {
                if (!_pending.Remove(key, out var change))
                    continue;
                // What came and went between two reads never was for this reader.
                if (ReferenceEquals(change.Old, change.New))
                    continue;
                return new ObjectChange<T>(key, change.Old, change.New);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _ended(this);
        _order.Writer.TryComplete();
        lock (_lock)
            _pending.Clear();
    }

    internal void Mark(ObjectChange<T> change)
    {
        lock (_lock)
        {
            if (_pending.TryGetValue(change.Key, out var unread))
            {
                _pending[change.Key] = (unread.Old, change.New);
                return;
            }

            _pending[change.Key] = (change.Old, change.New);
            _order.Writer.TryWrite(change.Key);
        }
    }
}
