using System.Collections.Immutable;
using MeshOperator.Kubernetes.Client;

namespace MeshOperator.Kubernetes.Informers;

/// <summary>All objects of a kind as they were at one moment, with indexes over them. Immutable.</summary>
/// <typeparam name="T">The entity type.</typeparam>
public sealed class ObjectSnapshot<T>
    where T : class
{
    internal static readonly ObjectSnapshot<T> Empty = new(
        ImmutableDictionary<ObjectKey, T>.Empty,
        ImmutableDictionary<string, ObjectIndex<T>>.Empty
    );
    private readonly ImmutableDictionary<string, ObjectIndex<T>> _indexes;

    private ObjectSnapshot(ImmutableDictionary<ObjectKey, T> objects, ImmutableDictionary<string, ObjectIndex<T>> indexes) =>
        (Objects, _indexes) = (objects, indexes);

    /// <summary>The objects by key.</summary>
    public ImmutableDictionary<ObjectKey, T> Objects { get; }

    /// <summary>The objects that an index has under a value, in no order.</summary>
    /// <param name="index">The index's name.</param>
    /// <param name="value">The value; one that no object has gives nothing.</param>
    /// <exception cref="KeyNotFoundException">There is no such index.</exception>
    public IEnumerable<T> Find(string index, string value) => FindKeys(index, value).Select(key => Objects[key]);

    /// <summary>The keys of the objects that an index has under a value.</summary>
    /// <param name="index">The index's name.</param>
    /// <param name="value">The value; one that no object has gives nothing.</param>
    /// <exception cref="KeyNotFoundException">There is no such index.</exception>
    public ImmutableHashSet<ObjectKey> FindKeys(string index, string value) =>
        _indexes.TryGetValue(index, out var found)
            ? found.Find(value)
            : throw new KeyNotFoundException($"There is no index '{index}'; add it to the informer before it is used.");

    internal ObjectSnapshot<T> WithIndex(string name, Func<T, IEnumerable<string>> values)
    {
        var index = new ObjectIndex<T>(values);
        foreach (var (key, entity) in Objects)
            index = index.With(key, null, entity);
        return new ObjectSnapshot<T>(Objects, _indexes.Add(name, index));
    }

    internal ObjectSnapshot<T> With(ObjectKey key, T? entity)
    {
        var old = Objects.GetValueOrDefault(key);
        var objects = entity is null ? Objects.Remove(key) : Objects.SetItem(key, entity);
        return new ObjectSnapshot<T>(objects, Indexed([(key, old, entity)]));
    }

    internal ObjectSnapshot<T> With(ImmutableDictionary<ObjectKey, T> objects, IReadOnlyList<ObjectChange<T>> changes) =>
        new(objects, Indexed(changes.Select(c => (c.Key, c.Old, c.New))));

    private ImmutableDictionary<string, ObjectIndex<T>> Indexed(IEnumerable<(ObjectKey Key, T? Old, T? New)> changes)
    {
        if (_indexes.IsEmpty)
            return _indexes;
        var indexes = _indexes;
        foreach (var (key, old, current) in changes)
        {
            foreach (var (name, index) in indexes)
                indexes = indexes.SetItem(name, index.With(key, old, current));
        }

        return indexes;
    }
}

/// <summary>Keys of objects by values that a function gives for them.</summary>
internal sealed class ObjectIndex<T>
    where T : class
{
    private readonly Func<T, IEnumerable<string>> _values;
    private readonly ImmutableDictionary<string, ImmutableHashSet<ObjectKey>> _keys;

    public ObjectIndex(Func<T, IEnumerable<string>> values)
        : this(values, ImmutableDictionary<string, ImmutableHashSet<ObjectKey>>.Empty) { }

    private ObjectIndex(Func<T, IEnumerable<string>> values, ImmutableDictionary<string, ImmutableHashSet<ObjectKey>> keys) =>
        (_values, _keys) = (values, keys);

    public ImmutableHashSet<ObjectKey> Find(string value) => _keys.GetValueOrDefault(value, ImmutableHashSet<ObjectKey>.Empty);

    public ObjectIndex<T> With(ObjectKey key, T? old, T? current)
    {
        var before = old is null ? [] : _values(old).ToHashSet(StringComparer.Ordinal);
        var after = current is null ? [] : _values(current).ToHashSet(StringComparer.Ordinal);
        if (before.SetEquals(after))
            return this;
        var keys = _keys;
        foreach (var gone in before.Where(v => !after.Contains(v)))
        {
            var rest = keys.GetValueOrDefault(gone, ImmutableHashSet<ObjectKey>.Empty).Remove(key);
            keys = rest.IsEmpty ? keys.Remove(gone) : keys.SetItem(gone, rest);
        }

        foreach (var added in after.Where(v => !before.Contains(v)))
            keys = keys.SetItem(added, keys.GetValueOrDefault(added, ImmutableHashSet<ObjectKey>.Empty).Add(key));
        return new ObjectIndex<T>(_values, keys);
    }
}
