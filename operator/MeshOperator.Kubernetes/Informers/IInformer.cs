using System.Buffers;
using k8s;
using k8s.Models;
using MeshOperator.Kubernetes.Client;

namespace MeshOperator.Kubernetes.Informers;

/// <summary>A <see cref="SharedInformer{T}"/> of whichever kind.</summary>
public interface IInformer
{
    /// <summary>The kind's plural name.</summary>
    string Resource { get; }

    /// <summary>Whether the first list is complete.</summary>
    bool HasSynced { get; }

    /// <summary>Waits until the first list is complete.</summary>
    Task WaitForSyncAsync(CancellationToken cancellation);

    /// <summary>Lists and watches until cancelled; errors are logged and retried.</summary>
    Task RunAsync(CancellationToken cancellation);
}

/// <summary>Which objects an informer keeps, and what of them. As parts are left out, an object of an informer is for reading: whoever
/// writes one back whole deletes those parts.</summary>
/// <typeparam name="T">The entity type.</typeparam>
public sealed record InformerOptions<T>
    where T : IKubernetesObject<V1ObjectMeta>
{
    /// <summary>The only namespace; null for all.</summary>
    public string? Namespace { get; init; }

    /// <summary>A label selector; null for all.</summary>
    public string? LabelSelector { get; init; }

    /// <summary>A field selector; null for all.</summary>
    public string? FieldSelector { get; init; }

    /// <summary>Removes what is not needed from an object before it is kept. Managed fields and kubectl's last applied form are removed
    /// in any case.</summary>
    public Action<T>? Trim { get; init; }

    /// <summary>Reads an item of a list from its protobuf message; what it does not keep, it may leave unread. With it, lists are asked for
    /// as protobuf, which costs a fraction of JSON for both sides; a server may answer in JSON all the same. Null for JSON.</summary>
    public Func<ReadOnlySequence<byte>, T>? ReadProtobuf { get; init; }

    /// <summary>Whether the first list may come from the API server's watch cache, which may be behind what was written for a moment. The
    /// watch after it makes up for that.</summary>
    public bool FirstListFromCache { get; init; }

    /// <summary>Annotations whose value has more characters than this are left out; null keeps all.</summary>
    public int? LongestAnnotation { get; init; } = 8 * 1024;

    /// <summary>How many objects a page of a list has.</summary>
    public int PageSize { get; init; } = 500;

    /// <summary>How long a watch may be silent before it is considered dead and opened again. An API server sends bookmarks about every
    /// minute.</summary>
    public TimeSpan LongestSilence { get; init; } = TimeSpan.FromMinutes(3);
}

/// <summary>A change of one object.</summary>
/// <typeparam name="T">The entity type.</typeparam>
/// <param name="Key">The object.</param>
/// <param name="Old">How it was known before; null when it is new.</param>
/// <param name="New">How it is now; null when it was deleted.</param>
public readonly record struct ObjectChange<T>(ObjectKey Key, T? Old, T? New)
    where T : class;
