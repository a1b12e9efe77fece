using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Json;

namespace MeshOperator.LocalCluster.Registry;

/// <summary>metav1.DeleteOptions.</summary>
internal sealed record DeleteOptions(string? Uid, string? ResourceVersion, long? GracePeriodSeconds, string Propagation, bool DryRun)
{
    public static readonly DeleteOptions Default = new(null, null, null, "Background", false);

    public static DeleteOptions Read(JsonObject? body, Func<string, string?> query)
    {
        var preconditions = body.Object("preconditions");
        var grace = body.Integer("gracePeriodSeconds") ?? (long.TryParse(query("gracePeriodSeconds"), out var seconds) ? seconds : null);
        var orphan = body.Flag("orphanDependents") ?? (bool.TryParse(query("orphanDependents"), out var flag) ? flag : null);
        return new DeleteOptions(
            preconditions.Text("uid"),
            preconditions.Text("resourceVersion"),
            grace,
            body.Text("propagationPolicy") ?? query("propagationPolicy") ?? (orphan == true ? "Orphan" : "Background"),
            body.Texts("dryRun").Contains("All") || query("dryRun") == "All"
        );
    }
}
