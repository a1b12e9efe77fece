using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Translation.Verdicts;

namespace MeshOperator.Mesh.Translation.Review;

/// <summary>Finds out, once it is known how connections are kept, which RetryPolicies have lost all requests of their targets to
/// others.</summary>
internal static class RetryReview
{
    /// <param name="overrides">Which take precedence over which.</param>
    /// <param name="connectionPolicies">Those whose settings of connections hold somewhere.</param>
    public static IEnumerable<PolicyFinding> Review(Overrides overrides, IReadOnlySet<PolicyKey> connectionPolicies)
    {
        foreach (var loser in overrides.Losers.Where(loser => !overrides.Holds(loser)))
        {
            var isLeft = connectionPolicies.Contains(loser);
            var left = isLeft ? "; only its budget and its connection timeouts are in effect" : string.Empty;
            yield return new Overridden(
                loser,
                $"for all requests {overrides.Describe(loser)}{left}; delete one of them or choose another target",
                Everywhere: !isLeft
            );
        }
    }
}
