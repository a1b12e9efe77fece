using System.Globalization;
using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;

namespace MeshOperator.LocalCluster.Tables;

/// <summary>The columns of pods.</summary>
internal static class PodColumns
{
    public static readonly IReadOnlyList<TableColumn> All =
    [
        BuiltinColumns.Name,
        BuiltinColumns.Text("Ready", Ready),
        BuiltinColumns.Text("Status", Status),
        BuiltinColumns.Text("Restarts", o => Statuses(o).Sum(s => s.Integer("restartCount") ?? 0).ToString(CultureInfo.InvariantCulture)),
        BuiltinColumns.Age,
        BuiltinColumns.Text("IP", o => o.At("status.podIP").AsText() ?? "<none>", wide: true),
        BuiltinColumns.Text("Node", o => o.At("spec.nodeName").AsText() ?? "<none>", wide: true),
        BuiltinColumns.Text("Nominated Node", o => o.At("status.nominatedNodeName").AsText() ?? "<none>", wide: true),
        BuiltinColumns.Text(
            "Readiness Gates",
            o =>
                o["spec"].Array("readinessGates") is { Count: > 0 } gates
                    ? $"{gates.OfType<JsonObject>().Count(g => Condition(o, g.Text("conditionType")))}/{gates.Count}"
                    : "<none>",
            wide: true
        ),
    ];

    private static IEnumerable<JsonObject> Statuses(JsonObject pod) =>
        pod["status"].Objects("containerStatuses").Concat(pod["status"].Objects("initContainerStatuses"));

    private static bool Condition(JsonObject pod, string? type) =>
        pod["status"].Objects("conditions").Any(c => c.Text("type") == type && c.Text("status") == "True");

    private static string Ready(JsonObject pod)
    {
        var sidecars = pod["spec"]
            .Objects("initContainers")
            .Where(c => c.Text("restartPolicy") == "Always")
            .Select(c => c.Text("name"))
            .ToHashSet();
        var total = (pod["spec"].Array("containers")?.Count ?? 0) + sidecars.Count;
        var ready =
            pod["status"].Objects("containerStatuses").Count(s => s.Flag("ready") == true)
            + pod["status"].Objects("initContainerStatuses").Count(s => s.Flag("ready") == true && sidecars.Contains(s.Text("name")));
        return $"{ready}/{total}";
    }

    private static string Status(JsonObject pod)
    {
        if (pod.Object("metadata")?["deletionTimestamp"] is not null)
            return "Terminating";
        foreach (var status in pod["status"].Objects("containerStatuses"))
        {
            if (status.At("state.waiting.reason").AsText() is { Length: > 0 } waiting)
                return waiting;
            if (status.At("state.terminated.reason").AsText() is { Length: > 0 } ended)
                return ended;
        }

        return pod["status"].Text("reason") ?? pod["status"].Text("phase") ?? "Unknown";
    }
}
