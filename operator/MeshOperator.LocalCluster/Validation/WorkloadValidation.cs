using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Selectors;

namespace MeshOperator.LocalCluster.Validation;

/// <summary>Holds deployments, replica sets, stateful sets and daemon sets against their rules.</summary>
internal static class WorkloadValidation
{
    /// <summary>Reports faults of a workload with a selector and a template.</summary>
    public static void Validate(JsonObject workload, JsonObject? old, FieldErrors errors)
    {
        if (workload.Object("spec") is not { } spec)
        {
            errors.Required("spec.selector");
            errors.Required("spec.template");
            return;
        }

        if (spec.Integer("replicas") is < 0 and var replicas)
            errors.Invalid("spec.replicas", replicas, "must be greater than or equal to 0");
        Selector(spec, errors);
        if (spec.Object("template") is { } template)
        {
            Names.CheckLabels(template.Object("metadata").Object("labels"), "spec.template.labels", errors);
            // Of a stateful set each pod gets a volume for each claim.
            var claims = spec.Objects("volumeClaimTemplates").Select(claim => claim.Object("metadata").Text("name") ?? "");
            PodValidation.Spec(template["spec"], "spec.template.spec", errors, "Always", claims);
        }
        else
        {
            errors.Required("spec.template");
        }

        if (old?["spec"]?["selector"] is { } before && !JsonAccess.Same(before, spec["selector"]))
            errors.Invalid("spec.selector", spec["selector"]?.DeepClone(), "field is immutable");
    }

    /// <summary>Of a stateful set only replicas, template and a few others may change.</summary>
    public static void StatefulSet(JsonObject set, JsonObject? old, FieldErrors errors)
    {
        Validate(set, null, errors);
        if (old?.Object("spec") is not { } before || set.Object("spec") is not { } spec)
            return;
        foreach (var field in new[] { "selector", "serviceName", "volumeClaimTemplates", "podManagementPolicy" })
        {
            if (JsonAccess.Same(before[field], spec[field]))
                continue;
            errors.Forbidden(
                "spec",
                "updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', "
                    + "'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"
            );
            return;
        }
    }

    public static void Job(JsonObject job, JsonObject? old, FieldErrors errors)
    {
        var spec = job.Object("spec");
        PodValidation.Spec(spec.Object("template")?["spec"], "spec.template.spec", errors);
        if (spec.Object("template").Object("spec").Text("restartPolicy") == "Always")
            errors.NotSupported("spec.template.spec.restartPolicy", "Always", ["\"OnFailure\"", "\"Never\""]);
        if (old?["spec"]?["template"] is { } before && !JsonAccess.Same(before, spec?["template"]))
            errors.Invalid("spec.template", spec?["template"]?.DeepClone(), "field is immutable");
    }

    private static void Selector(JsonObject spec, FieldErrors errors)
    {
        if (spec.Object("selector") is not { } selector)
        {
            errors.Required("spec.selector");
            return;
        }

        if (selector.Object("matchLabels") is not { Count: > 0 } && selector.Array("matchExpressions") is not { Count: > 0 })
        {
            errors.Invalid("spec.selector", selector.DeepClone(), "empty selector is invalid for deployment");
            return;
        }

        var index = 0;
        foreach (var expression in selector.Objects("matchExpressions"))
        {
            if (expression.Text("operator") is not ("In" or "NotIn" or "Exists" or "DoesNotExist"))
            {
                errors.Invalid(
                    $"spec.selector.matchExpressions[{index}].operator",
                    expression["operator"]?.DeepClone(),
                    "not a valid selector operator"
                );
                return;
            }

            index++;
        }

        var labels = spec.Object("template").Object("metadata").Object("labels");
        if (!LabelSelector.FromJson(selector).Matches(labels.StringMap()))
            errors.Invalid(
                "spec.template.metadata.labels",
                labels?.DeepClone() ?? new JsonObject(),
                "`selector` does not match template `labels`"
            );
    }
}
