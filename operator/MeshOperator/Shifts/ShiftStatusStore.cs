using System.Net;
using System.Text.Json.Nodes;
using k8s;
using MeshOperator.Api.Policies;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Mesh.Shifts;

namespace MeshOperator.Shifts;

/// <summary>Writes how far gradual shifts are into the status of TrafficSplits. Each write is decided on one version of the object and is
/// refused when there is another one: two replicas cannot both take a step.</summary>
internal sealed class ShiftStatusStore(EntityClient<TrafficSplit> client, TimeProvider time)
{
    /// <summary>The manager of these fields; the conditions beside them have another one.</summary>
    private const string FieldManager = "mesh-operator-shifts";

    /// <summary>Writes the shifts of a split.</summary>
    /// <param name="split">The split as it was when this was decided.</param>
    /// <param name="isInEffect">Whether the split is in effect.</param>
    /// <param name="shifts">Its shifts; none removes what is there.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>The object with the status; null when it has changed or gone meanwhile.</returns>
    public async Task<TrafficSplit?> WriteAsync(
        TrafficSplit split,
        bool isInEffect,
        IReadOnlyList<(SplitShift Shift, ShiftState State)> shifts,
        CancellationToken cancellation
    )
    {
        var status = new JsonObject();
        if (shifts.Count > 0)
        {
            status["split"] = string.Join("; ", shifts.Select(shift => ShiftConditions.Describe(shift.Shift, shift.State)));
            status["shifts"] = new JsonArray([
                .. shifts.Select(shift => EntityJson.ToNode(shift.State.ToStatus(shift.Shift.Wanted.Steps))),
            ]);
            status["conditions"] = new JsonArray([
                .. Conditions(split, isInEffect, shifts).Select(condition => EntityJson.ToNode(condition)),
            ]);
        }

        var fields = new JsonObject
        {
            ["metadata"] = new JsonObject { ["uid"] = split.Metadata.Uid, ["resourceVersion"] = split.Metadata.ResourceVersion },
            ["status"] = status,
        };
        try
        {
            return await client.ApplyAsync(ObjectKey.From(split), fields, FieldManager, "status", cancellation);
        }
        catch (KubernetesApiException e) when (e.StatusCode is HttpStatusCode.Conflict or HttpStatusCode.NotFound)
        {
            return null;
        }
    }

    /// <summary>Whether the conditions of a split are those of its shifts.</summary>
    public bool HasConditions(TrafficSplit split, bool isInEffect, IReadOnlyList<(SplitShift Shift, ShiftState State)> shifts) =>
        ShiftConditions.AreIn(split.Status, Conditions(split, isInEffect, shifts));

    private List<PolicyCondition> Conditions(
        TrafficSplit split,
        bool isInEffect,
        IReadOnlyList<(SplitShift Shift, ShiftState State)> shifts
    ) => ShiftConditions.Build(shifts, isInEffect, split.Metadata.Generation ?? 1, split.Status?.Conditions, time.GetUtcNow());
}
