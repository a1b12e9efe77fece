using System.Collections.Immutable;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Tests.Goldens;

/// <summary>Dictionaries whose order can be chosen. That of an immutable dictionary comes from its keys' hash codes, which for strings
/// differ from one process to the next: what depends on it would fail now and then only.</summary>
internal static class OrderedDictionary
{
    public static ImmutableDictionary<ObjectName, TValue> ToOrderedDictionary<T, TValue>(
        this IEnumerable<T> items, int order, Func<T, ObjectName> key, Func<T, TValue> value) =>
        items.ToImmutableDictionary(key, value, new Hashing(order));

    private sealed class Hashing(int seed) : IEqualityComparer<ObjectName>
    {
        public bool Equals(ObjectName x, ObjectName y) => x == y;

        public int GetHashCode(ObjectName obj) => obj.ToString().Aggregate(seed, (hash, c) => unchecked(((hash ^ c) * 16777619) + (hash >>> 15)));
    }
}
