using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Json;

namespace MeshOperator.LocalCluster.Validation;

/// <summary>Of a pod's spec only images and a few other fields may change.</summary>
internal static class PodUpdates
{
    private static readonly string[] Mutable =
    [
        "activeDeadlineSeconds",
        "tolerations",
        "terminationGracePeriodSeconds",
        "nodeName",
        "schedulingGates",
    ];

    public static void Validate(JsonObject pod, JsonObject old, FieldErrors errors)
    {
        if (!JsonAccess.Same(Comparable(pod), Comparable(old)))
        {
            errors.Forbidden(
                "spec",
                "pod updates may not change fields other than "
                    + "`spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` "
                    + "(only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if "
                    + "it was previously negative)"
            );
            return;
        }

        if (old["spec"].Text("nodeName") is { Length: > 0 } node && pod["spec"].Text("nodeName") != node)
            errors.Forbidden("spec.nodeName", "may not be changed once set");
    }

    private static JsonObject Comparable(JsonObject pod)
    {
        var spec = pod.Object("spec")?.Copy() ?? [];
        foreach (var field in Mutable)
            spec.Remove(field);
        foreach (var container in spec.Objects("containers").Concat(spec.Objects("initContainers")))
            container.Remove("image");
        return spec;
    }
}
