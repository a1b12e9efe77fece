using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Json;

namespace MeshOperator.LocalCluster.Defaults;

/// <summary>The defaults of deployments, replica sets, stateful sets, daemon sets and jobs.</summary>
internal static class WorkloadDefaults
{
    public static void Deployment(JsonObject content)
    {
        var spec = content.Ensure("spec");
        spec.Default("replicas", 1L);
        spec.Default("revisionHistoryLimit", 10L);
        spec.Default("progressDeadlineSeconds", 600L);
        var strategy = spec.Ensure("strategy");
        strategy.Default("type", "RollingUpdate");
        if (strategy.Text("type") == "RollingUpdate")
        {
            var rolling = strategy.Ensure("rollingUpdate");
            rolling.Default("maxUnavailable", "25%");
            rolling.Default("maxSurge", "25%");
        }

        Template(spec);
    }

    public static void ReplicaSet(JsonObject content)
    {
        var spec = content.Ensure("spec");
        spec.Default("replicas", 1L);
        Template(spec);
    }

    public static void StatefulSet(JsonObject content)
    {
        var spec = content.Ensure("spec");
        spec.Default("replicas", 1L);
        spec.Default("revisionHistoryLimit", 10L);
        spec.Default("podManagementPolicy", "OrderedReady");
        spec.Default("serviceName", "");
        var strategy = spec.Ensure("updateStrategy");
        strategy.Default("type", "RollingUpdate");
        if (strategy.Text("type") == "RollingUpdate")
            strategy.Ensure("rollingUpdate").Default("partition", 0L);
        spec.Default("persistentVolumeClaimRetentionPolicy", new JsonObject { ["whenDeleted"] = "Retain", ["whenScaled"] = "Retain" });
        Template(spec);
    }

    public static void DaemonSet(JsonObject content)
    {
        var spec = content.Ensure("spec");
        spec.Default("revisionHistoryLimit", 10L);
        var strategy = spec.Ensure("updateStrategy");
        strategy.Default("type", "RollingUpdate");
        if (strategy.Text("type") == "RollingUpdate")
        {
            var rolling = strategy.Ensure("rollingUpdate");
            rolling.Default("maxUnavailable", 1L);
            rolling.Default("maxSurge", 0L);
        }

        Template(spec);
    }

    public static void Job(JsonObject content)
    {
        var spec = content.Ensure("spec");
        spec.Default("completions", 1L);
        spec.Default("parallelism", 1L);
        spec.Default("backoffLimit", 6L);
        spec.Default("completionMode", "NonIndexed");
        spec.Default("suspend", false);
        spec.Default("podReplacementPolicy", "TerminatingOrFailed");
        if (spec.Flag("manualSelector") != true && content.Uid() is { Length: > 0 } uid && spec["selector"] is null)
        {
            var labels = spec.Ensure("template").Ensure("metadata").Ensure("labels");
            labels["batch.kubernetes.io/controller-uid"] = uid;
            labels["batch.kubernetes.io/job-name"] = content.Name();
            labels["controller-uid"] = uid;
            labels["job-name"] = content.Name();
            spec["selector"] = new JsonObject { ["matchLabels"] = new JsonObject { ["batch.kubernetes.io/controller-uid"] = uid } };
        }

        Template(spec);
    }

    public static void CronJob(JsonObject content)
    {
        var spec = content.Ensure("spec");
        spec.Default("concurrencyPolicy", "Allow");
        spec.Default("suspend", false);
        spec.Default("successfulJobsHistoryLimit", 3L);
        spec.Default("failedJobsHistoryLimit", 1L);
        if (spec.Object("jobTemplate") is { } job)
            Template(job.Ensure("spec"));
    }

    private static void Template(JsonObject spec)
    {
        if (spec.Object("template") is { } template && template.Object("spec") is { } pod)
            PodDefaults.Spec(pod, isPod: false);
    }
}
