using System.Collections.Immutable;
using CsCheck;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Xds.Tests.Properties;

/// <summary>The few names of random clusters. A class of its own, as random meshes and random policies both start from it.</summary>
internal static class RandomNames
{
    public static readonly Gen<string> Namespaces = Gen.OneOf("shop", "shop", "shop", "shop", "shop", "shop", "jobs", "mesh-system");
    public static readonly Gen<string> Services = Gen.OneOf("a", "b", "c", "d", "e");
    public static readonly Gen<ObjectName> ServiceNames = Gen.Select(Namespaces, Services, (ns, name) => new ObjectName(ns, name));

    /// <summary>Between <paramref name="least"/> and <paramref name="most"/> records by name.</summary>
    public static Gen<ImmutableDictionary<ObjectName, T>> Records<T>(Gen<ObjectName> names, Gen<T> records, int least, int most) =>
        Gen.Select(names, records)
            .Array[least, most]
            .Select(entries => entries.DistinctBy(e => e.Item1).ToImmutableDictionary(e => e.Item1, e => e.Item2));
}
