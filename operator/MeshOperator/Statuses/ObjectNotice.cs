using MeshOperator.Api;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation.Quarantining;

namespace MeshOperator.Statuses;

/// <summary>Something about an object without a status of ours that its owner should know.</summary>
/// <param name="Kind">Its kind: a Service or a Pod.</param>
/// <param name="Name">Its name.</param>
/// <param name="Reason">The reason of the Event.</param>
/// <param name="Message">What is so, and what to do.</param>
internal sealed record ObjectNotice(string Kind, ObjectName Name, string Reason, string Message)
{
    /// <summary>That an object is left out of the translation, which fails on it.</summary>
    public static ObjectNotice ForHeld(Suspect held) =>
        new(
            held.Kind,
            held.Name,
            ConditionReasons.TranslationFailed,
            "The operator failed on this object, so the mesh goes on with what it was before. Report this with the operator's log."
        );
}
