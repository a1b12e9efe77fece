using System.Globalization;
using MeshOperator.Api.Policies;

namespace MeshOperator.Mesh.Shifts;

/// <summary>How many ready endpoints there are.</summary>
/// <param name="Target">Those of the backend that the traffic is shifted to.</param>
/// <param name="Others">Those of the other backends together.</param>
public readonly record struct ShiftEndpoints(int Target, int Others)
{
    /// <summary>Why the target is too small for a share of the requests; null when it is not, or no check asks for it.</summary>
    /// <param name="wanted">The shift.</param>
    /// <param name="weight">The share, 0 to 100 percent.</param>
    public string? FindShortage(GradualShift wanted, int weight)
    {
        ArgumentNullException.ThrowIfNull(wanted);
        foreach (var check in wanted.Checks)
        {
            if (check.Capacity is { } capacity && Target < Need(capacity, weight))
                return $"{Describe(wanted.To, capacity, weight)}; scale {wanted.To}";
        }

        return null;
    }

    /// <summary>Judges a check.</summary>
    internal ShiftVerdict Judge(CapacityCheck check, string to, int weight) =>
        new(Target < Need(check, weight) ? ShiftOutcome.Inconclusive : ShiftOutcome.Pass, Describe(to, check, weight));

    /// <summary>At least one, and no more for a tiny error of the arithmetic.</summary>
    private int Need(CapacityCheck check, int weight) => Math.Max(1, (int)Math.Ceiling((Others * weight / 100.0 * check.MinRatio) - 1e-9));

    private string Describe(string to, CapacityCheck check, int weight) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"capacity: {to} has {Target} of {Need(check, weight)} endpoints that {weight}% needs (the others have {Others})"
        );
}
