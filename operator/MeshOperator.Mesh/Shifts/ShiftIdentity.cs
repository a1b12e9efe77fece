using System.Globalization;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;

namespace MeshOperator.Mesh.Shifts;

/// <summary>What a gradual shift is about. With another one it begins anew; every other change of a spec goes on from where it
/// is.</summary>
/// <param name="To">The backend that the traffic is shifted to.</param>
/// <param name="Revision">What its owner calls it; empty where there is none.</param>
/// <param name="Backends">All backends, ordered by name.</param>
public sealed record ShiftIdentity(string To, string Revision, ValueList<string> Backends)
{
    /// <summary>The identity of what is wished.</summary>
    public static ShiftIdentity From(GradualShift shift, IEnumerable<TrafficSplitBackend> backends)
    {
        ArgumentNullException.ThrowIfNull(shift);
        return new ShiftIdentity(shift.To, shift.Revision ?? string.Empty, Names(backends));
    }

    /// <summary>The identity of what was written down.</summary>
    public static ShiftIdentity From(ShiftStatus status)
    {
        ArgumentNullException.ThrowIfNull(status);
        return new ShiftIdentity(status.To, status.Revision ?? string.Empty, status.Backends.ToValueList());
    }

    private static ValueList<string> Names(IEnumerable<TrafficSplitBackend> backends) =>
        backends
            .Select(backend =>
                backend.Port is { } port ? string.Create(CultureInfo.InvariantCulture, $"{backend.Service}:{port}") : backend.Service
            )
            .Order(StringComparer.Ordinal)
            .ToValueList();
}
