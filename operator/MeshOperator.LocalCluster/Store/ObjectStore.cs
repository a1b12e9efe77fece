using System.Collections.Concurrent;
using System.Collections.Immutable;
using System.Globalization;
using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;

namespace MeshOperator.LocalCluster.Store;

/// <summary>
/// All objects, in memory. Every write takes the next resource version under one lock; reads take an immutable snapshot
/// and never wait.
/// </summary>
internal sealed class ObjectStore(int watchHistory)
{
    private readonly Lock _writing = new();
    private readonly ConcurrentDictionary<string, ObjectCollection> _collections = new(StringComparer.Ordinal);
    private long _revision = 1;

    /// <summary>Raised after each change, in order, under the lock: handlers only enqueue.</summary>
    public event Action<ResourceKind, WatchEvent>? Changed;

    /// <summary>The latest resource version; every change up to it can be read.</summary>
    public long Revision
    {
        get
        {
            lock (_writing)
                return _revision;
        }
    }

    public ObjectCollection Collection(ResourceKind kind) =>
        _collections.GetOrAdd(kind.StoredAs, _ => new ObjectCollection(new EventLog(watchHistory)));

    public StoredObject? Find(ResourceKind kind, string @namespace, string name) =>
        Collection(kind).Snapshot.Namespaces.GetValueOrDefault(@namespace)?.GetValueOrDefault(name);

    public IEnumerable<StoredObject> List(ResourceKind kind, string? @namespace = null) => Collection(kind).Snapshot.In(@namespace);

    /// <summary>A snapshot of a collection together with the revision at which it holds.</summary>
    public (CollectionSnapshot Snapshot, long Revision) Snapshot(ResourceKind kind)
    {
        lock (_writing)
            return (Collection(kind).Snapshot, _revision);
    }

    /// <summary>Writes an object if it still is what the writer read.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="content">The new content in stored form; its resourceVersion is set here.</param>
    /// <param name="expected">What the writer read; null if there was nothing.</param>
    /// <returns>The stored object; null if somebody else was faster.</returns>
    public StoredObject? TryPut(ResourceKind kind, JsonObject content, StoredObject? expected)
    {
        var collection = Collection(kind);
        lock (_writing)
        {
            var current = Find(kind, content.Namespace(), content.Name());
            if (!ReferenceEquals(current, expected))
                return null;
            var stored = Stamp(kind, content);
            collection.Snapshot = collection.Snapshot.With(stored);
            var type = expected is null ? WatchEventType.Added : WatchEventType.Modified;
            Publish(kind, collection, new WatchEvent(type, stored.Revision, stored, expected));
            return stored;
        }
    }

    /// <summary>Removes an object if it still is what the caller read.</summary>
    /// <param name="kind">The kind.</param>
    /// <param name="expected">What the caller read.</param>
    /// <param name="content">Its last state, if that is another one than was read.</param>
    /// <returns>The last state, bearing the revision of the removal; null if somebody else was faster.</returns>
    public StoredObject? TryRemove(ResourceKind kind, StoredObject expected, JsonObject? content = null)
    {
        var collection = Collection(kind);
        lock (_writing)
        {
            if (!ReferenceEquals(Find(kind, expected.Namespace, expected.Name), expected))
                return null;
            var last = Stamp(kind, content ?? expected.Parse());
            collection.Snapshot = collection.Snapshot.Without(expected);
            Publish(kind, collection, new WatchEvent(WatchEventType.Deleted, last.Revision, last, expected));
            return last;
        }
    }

    private StoredObject Stamp(ResourceKind kind, JsonObject content)
    {
        var revision = _revision + 1;
        content.Meta()["resourceVersion"] = revision.ToString(CultureInfo.InvariantCulture);
        var stored = StoredObject.Create(content, kind, revision);
        _revision = revision;
        return stored;
    }

    private void Publish(ResourceKind kind, ObjectCollection collection, WatchEvent change)
    {
        collection.Log.Append(change);
        Changed?.Invoke(kind, change);
    }
}

internal sealed class ObjectCollection(EventLog log)
{
    private volatile CollectionSnapshot _snapshot = CollectionSnapshot.Empty;

    public EventLog Log { get; } = log;

    public CollectionSnapshot Snapshot
    {
        get => _snapshot;
        set => _snapshot = value;
    }
}

/// <summary>The objects of a collection by namespace and name at one moment.</summary>
internal sealed record CollectionSnapshot(ImmutableSortedDictionary<string, ImmutableSortedDictionary<string, StoredObject>> Namespaces)
{
    private static readonly ImmutableSortedDictionary<string, StoredObject> NoObjects = ImmutableSortedDictionary.Create<
        string,
        StoredObject
    >(StringComparer.Ordinal);

    public static readonly CollectionSnapshot Empty = new(
        ImmutableSortedDictionary.Create<string, ImmutableSortedDictionary<string, StoredObject>>(StringComparer.Ordinal)
    );

    public IEnumerable<StoredObject> In(string? @namespace) =>
        @namespace is null
            ? Namespaces.Values.SelectMany(objects => objects.Values)
            : Namespaces.GetValueOrDefault(@namespace, NoObjects).Values;

    public CollectionSnapshot With(StoredObject stored) =>
        new(Namespaces.SetItem(stored.Namespace, Namespaces.GetValueOrDefault(stored.Namespace, NoObjects).SetItem(stored.Name, stored)));

    public CollectionSnapshot Without(StoredObject stored)
    {
        var left = Namespaces[stored.Namespace].Remove(stored.Name);
        return new(left.IsEmpty ? Namespaces.Remove(stored.Namespace) : Namespaces.SetItem(stored.Namespace, left));
    }
}
