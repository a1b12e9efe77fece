using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Schemas;
using MeshOperator.LocalCluster.Store;

namespace MeshOperator.LocalCluster.Controllers;

/// <summary>Runs jobs, whose pods the stand-in kubelet completes at once.</summary>
internal sealed class JobController(Cluster cluster) : Controller("job-controller", cluster.Time, cluster.Logger)
{
    private readonly ResourceKind _jobs = cluster.Kind("batch", "jobs");
    private readonly ResourceKind _pods = cluster.Kind("", "pods");

    public override void OnChanged(ResourceKind kind, WatchEvent change)
    {
        if (kind == _jobs)
            Enqueue(Key(change.Object));
        else if (kind == _pods)
            foreach (var owner in change.Object.Owners.Where(o => o.Controller && o.Kind == "Job"))
                Enqueue($"{change.Object.Namespace}/{owner.Name}");
    }

    protected override async Task ReconcileAsync(string key)
    {
        var (@namespace, name) = Split(key);
        if (cluster.Store.Find(_jobs, @namespace, name) is not { IsDeleting: false } stored)
            return;
        var job = stored.Parse();
        if (job["status"].Objects("conditions").Any(c => c.Text("type") == "Complete") || job.At("spec.suspend").AsFlag() == true)
            return;
        var wanted = (int)(job.At("spec.completions").AsInteger() ?? 1);
        var parallel = (int)(job.At("spec.parallelism").AsInteger() ?? 1);
        var pods = cluster.OwnedPods.FindByController(stored.Uid);
        var succeeded = pods.Count(p => p.Fields.GetValueOrDefault("status.phase") == "Succeeded");
        var active = pods.Count(p => !p.IsDeleting && p.Fields.GetValueOrDefault("status.phase") is not ("Succeeded" or "Failed"));
        for (; active < Math.Min(parallel, wanted - succeeded); active++)
            await PodTemplates.CreatePodAsync(cluster, job, null, Name);
        var now = Rfc3339.Seconds(Time.GetUtcNow());
        var status = new JsonObject
        {
            ["startTime"] = job["status"].Text("startTime") ?? now,
            ["ready"] = 0,
            ["terminating"] = 0,
        };
        if (active > 0)
            status["active"] = active;
        if (succeeded > 0)
            status["succeeded"] = succeeded;
        if (succeeded >= wanted)
        {
            status["completionTime"] = now;
            status["conditions"] = new JsonArray(Condition("SuccessCriteriaMet", now), Condition("Complete", now));
        }

        await PodTemplates.SetStatusAsync(cluster, _jobs, stored, status, Name);
    }

    private static JsonObject Condition(string type, string now) =>
        new()
        {
            ["type"] = type,
            ["status"] = "True",
            ["lastProbeTime"] = now,
            ["lastTransitionTime"] = now,
            ["reason"] = "CompletionsReached",
            ["message"] = "Reached expected number of succeeded pods",
        };
}
