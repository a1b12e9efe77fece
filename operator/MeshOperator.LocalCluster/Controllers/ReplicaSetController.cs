using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Store;

namespace MeshOperator.LocalCluster.Controllers;

/// <summary>Keeps as many pods as a ReplicaSet asks for.</summary>
internal sealed class ReplicaSetController(Cluster cluster) : Controller("replicaset-controller", cluster.Time, cluster.Logger)
{
    private readonly ResourceKind _sets = cluster.Kind("apps", "replicasets");
    private readonly ResourceKind _pods = cluster.Kind("", "pods");

    public override void OnChanged(ResourceKind kind, WatchEvent change)
    {
        if (kind == _sets)
            Enqueue(Key(change.Object));
        else if (kind == _pods)
            foreach (var owner in change.Object.Owners.Where(o => o.Controller && o.Kind == "ReplicaSet"))
                Enqueue($"{change.Object.Namespace}/{owner.Name}");
    }

    protected override async Task ReconcileAsync(string key)
    {
        var (@namespace, name) = Split(key);
        if (cluster.Store.Find(_sets, @namespace, name) is not { } stored)
            return;
        var set = stored.Parse();
        try
        {
            if (!stored.IsDeleting)
                await ScaleAsync(stored, set);
        }
        finally
        {
            if (cluster.Store.Find(_sets, @namespace, name)?.Uid == stored.Uid)
                await StatusAsync(stored, set);
        }
    }

    private async Task ScaleAsync(StoredObject stored, JsonObject set)
    {
        var pods = PodTemplates.Pods(cluster, stored);
        var wanted = (int)(set.At("spec.replicas").AsInteger() ?? 1);
        for (var i = pods.Count; i < wanted; i++)
            await PodTemplates.CreatePodAsync(cluster, set, null, Name);
        if (pods.Count <= wanted)
            return;
        var surplus = pods.OrderBy(p => p.IsReady).ThenByDescending(p => p.Revision).Take(pods.Count - wanted);
        foreach (var pod in surplus)
            await PodTemplates.DeletePodAsync(cluster, set, pod, Name);
    }

    private async Task StatusAsync(StoredObject stored, JsonObject set)
    {
        var pods = PodTemplates.Pods(cluster, stored);
        var ready = pods.Count(p => p.IsReady);
        var status = new JsonObject { ["replicas"] = pods.Count };
        if (pods.Count > 0)
            status["fullyLabeledReplicas"] = pods.Count;
        if (ready > 0)
        {
            status["readyReplicas"] = ready;
            status["availableReplicas"] = ready;
        }

        status["observedGeneration"] = set.Object("metadata").Integer("generation") ?? 1;
        await PodTemplates.SetStatusAsync(cluster, _sets, stored, status, Name);
    }
}
