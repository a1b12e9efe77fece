using System.Text.Json.Serialization;
using MeshOperator.Api;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Shifts;

namespace MeshOperator.Shifts.Announcing;

/// <summary>A transition of a gradual shift as an event of CloudEvents 1.0, in the structured mode of its binding for HTTP.
/// <see href="https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/spec.md"/></summary>
/// <param name="Id">The same for each try to send it.</param>
/// <param name="Source">The path of the TrafficSplit at the API server.</param>
/// <param name="Type">What has happened.</param>
/// <param name="Subject">The rule whose shift it is.</param>
/// <param name="Time">When.</param>
/// <param name="Data">Where the shift is now.</param>
internal sealed record ShiftCloudEvent(string Id, string Source, string Type, string Subject, DateTimeOffset Time, ShiftEventData Data)
{
    private const string TypePrefix = "io.meshoperator.shift.";

    [JsonPropertyName("specversion")]
    public string SpecVersion { get; } = "1.0";

    [JsonPropertyName("datacontenttype")]
    public string DataContentType { get; } = "application/json";

    /// <summary>The event of a transition; null when there was none.</summary>
    public static ShiftCloudEvent? Find(TrafficSplit split, SplitShift shift, ShiftState? before, ShiftState after)
    {
        if (FindType(before, after) is not { } type)
            return null;
        var (ns, name) = (split.Metadata.NamespaceProperty, split.Metadata.Name);
        var status = after.ToStatus(shift.Wanted.Steps);
        return new ShiftCloudEvent(
            FormattableString.Invariant(
                $"{split.Metadata.Uid}/{after.Rule}/{after.Phase}/{after.Weight}/{after.Since.ToUnixTimeSeconds()}"
            ),
            $"/apis/{MeshNames.Group}/{MeshNames.Version}/namespaces/{ns}/trafficsplits/{name}",
            TypePrefix + type,
            after.Rule,
            after.Since,
            new ShiftEventData(
                ns,
                name,
                after.Rule,
                after.Identity.To,
                status.Revision,
                after.Phase.ToString(),
                status.Step,
                shift.Wanted.Steps.Count,
                after.Weight,
                shift.Describe(after.Weight),
                after.Reason
            )
        );
    }

    private static string? FindType(ShiftState? before, ShiftState after)
    {
        if (before is not null && before.Phase == after.Phase && before.Weight == after.Weight)
            return null;
        return after.Phase switch
        {
            ShiftPhase.Pending => "pending",
            ShiftPhase.Mirroring => "begun",
            ShiftPhase.Progressing when before is null or { Phase: ShiftPhase.Pending } => "begun",
            ShiftPhase.Progressing when before.Weight == after.Weight => "resumed",
            ShiftPhase.Progressing => "step",
            ShiftPhase.AwaitingApproval => "approval-wanted",
            ShiftPhase.Paused => "paused",
            ShiftPhase.Held => "failed",
            ShiftPhase.RolledBack => "rolled-back",
            _ => "completed",
        };
    }
}

/// <summary>Where a gradual shift is.</summary>
internal sealed record ShiftEventData(
    string Namespace,
    string Split,
    string Rule,
    string To,
    string? Revision,
    string Phase,
    int Step,
    int Steps,
    int Weight,
    string Shares,
    string Reason
);

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull
)]
[JsonSerializable(typeof(ShiftCloudEvent))]
internal sealed partial class CloudEventJson : JsonSerializerContext;
