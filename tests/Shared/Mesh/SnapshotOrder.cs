using System.Collections.Immutable;
using System.Reflection;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Testing;

/// <summary>Chooses the order in which a snapshot's objects are found. That of an immutable dictionary comes from its keys' hash codes,
/// which for strings differ from one process to the next: what depends on it would fail now and then only.</summary>
internal static class SnapshotOrder
{
    private static readonly MethodInfo ReorderMethod = typeof(SnapshotOrder).GetMethod(
        nameof(Reorder),
        BindingFlags.NonPublic | BindingFlags.Static
    )!;

    /// <summary>The same objects of every kind in another order, the same one for the same number.</summary>
    public static ClusterSnapshot InOrder(this ClusterSnapshot snapshot, int order)
    {
        var result = snapshot with { };
        foreach (var kind in typeof(ClusterSnapshot).GetProperties().Where(IsKind))
        {
            var reorder = ReorderMethod.MakeGenericMethod(kind.PropertyType.GetGenericArguments()[1]);
            kind.SetValue(result, reorder.Invoke(null, [kind.GetValue(snapshot), order]));
        }

        return result;
    }

    private static bool IsKind(PropertyInfo property) =>
        property.PropertyType.IsGenericType && property.PropertyType.GetGenericTypeDefinition() == typeof(ImmutableDictionary<,>);

    private static ImmutableDictionary<ObjectName, T> Reorder<T>(ImmutableDictionary<ObjectName, T> objects, int order) =>
        objects.WithComparers(new Hashing(order));

    private sealed class Hashing(int seed) : IEqualityComparer<ObjectName>
    {
        public bool Equals(ObjectName x, ObjectName y) => x == y;

        public int GetHashCode(ObjectName obj) =>
            obj.ToString().Aggregate(seed, (hash, c) => unchecked(((hash ^ c) * 16777619) + (hash >>> 15)));
    }
}
