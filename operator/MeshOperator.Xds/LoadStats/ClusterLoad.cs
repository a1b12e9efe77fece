using System.Collections.Immutable;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Translation.Shared;

namespace MeshOperator.Xds.LoadStats;

/// <summary>What proxies have counted of one cluster since it was first asked for.</summary>
/// <param name="Requests">Requests that were answered or failed, each attempt by itself.</param>
/// <param name="Errors">Those of them that failed.</param>
/// <param name="Reporters">How many proxies have reported lately.</param>
public sealed record ClusterLoad(long Requests, long Errors, int Reporters)
{
    /// <summary>No counts by cluster.</summary>
    public static ImmutableDictionary<string, ClusterLoad> None { get; } =
        ImmutableDictionary.Create<string, ClusterLoad>(StringComparer.Ordinal);

    /// <summary>The cluster for the requests of a gradual shift to a backend.</summary>
    public static string Name(BackendTarget target, ShiftName shift) => Names.Shift(target, shift);
}
