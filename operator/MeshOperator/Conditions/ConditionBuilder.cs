using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Translation;
using MeshOperator.Mesh.Verdicts;

namespace MeshOperator.Conditions;

/// <summary>Makes the conditions of a status. Pure.</summary>
internal static class ConditionBuilder
{
    /// <summary>Of a message, of which a cluster takes 32,768 characters and a reader fewer.</summary>
    private const int LongestMessage = 4096;

    /// <summary>A condition for each finding; one whose status stays as it was keeps its transition time.</summary>
    public static List<PolicyCondition> Build(
        IEnumerable<(string Type, Finding Finding)> findings,
        long generation,
        IReadOnlyList<PolicyCondition>? before,
        DateTimeOffset now
    )
    {
        var seconds = now.UtcDateTime.AddTicks(-(now.UtcDateTime.Ticks % TimeSpan.TicksPerSecond));
        return
        [
            .. findings.Select(f =>
            {
                var status =
                    f.Finding.IsUnknown ? "Unknown"
                    : f.Finding.Holds ? "True"
                    : "False";
                var old = before?.FirstOrDefault(c => c.Type == f.Type);
                return new PolicyCondition
                {
                    Type = f.Type,
                    Status = status,
                    Reason = f.Finding.Reason,
                    Message = f.Finding.Message.Length > LongestMessage ? f.Finding.Message[..LongestMessage] + "…" : f.Finding.Message,
                    ObservedGeneration = generation,
                    LastTransitionTime = old?.Status == status ? old.LastTransitionTime : seconds,
                };
            }),
        ];
    }
}
