using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Store;

namespace MeshOperator.LocalCluster.Controllers;

/// <summary>Keeps one pod of every daemon set on the one node.</summary>
internal sealed class DaemonSetController(Cluster cluster) : Controller("daemonset-controller", cluster.Time, cluster.Logger)
{
    private const string HashLabel = "controller-revision-hash";
    private readonly ResourceKind _sets = cluster.Kind("apps", "daemonsets");
    private readonly ResourceKind _pods = cluster.Kind("", "pods");

    public override void OnChanged(ResourceKind kind, WatchEvent change)
    {
        if (kind == _sets)
            Enqueue(Key(change.Object));
        else if (kind == _pods)
            foreach (var owner in change.Object.Owners.Where(o => o.Controller && o.Kind == "DaemonSet"))
                Enqueue($"{change.Object.Namespace}/{owner.Name}");
    }

    protected override async Task ReconcileAsync(string key)
    {
        var (@namespace, name) = Split(key);
        if (cluster.Store.Find(_sets, @namespace, name) is not { IsDeleting: false } stored)
            return;
        var set = stored.Parse();
        var hash = PodTemplates.Hash(set.At("spec.template"));
        var pods = PodTemplates.Pods(cluster, stored);
        foreach (var outdated in pods.Where(p => p.Labels.GetValueOrDefault(HashLabel) != hash))
            await PodTemplates.DeletePodAsync(cluster, set, outdated, Name);
        if (!pods.Exists(p => p.Labels.GetValueOrDefault(HashLabel) == hash))
            await PodTemplates.CreatePodAsync(cluster, set, null, Name, pod => pod.Meta().Ensure("labels")[HashLabel] = hash);
        var now = PodTemplates.Pods(cluster, stored);
        var ready = now.Count(p => p.IsReady);
        await PodTemplates.SetStatusAsync(
            cluster,
            _sets,
            stored,
            new JsonObject
            {
                ["currentNumberScheduled"] = now.Count,
                ["desiredNumberScheduled"] = 1,
                ["numberAvailable"] = ready,
                ["numberMisscheduled"] = 0,
                ["numberReady"] = ready,
                ["numberUnavailable"] = 1 - Math.Min(1, ready),
                ["observedGeneration"] = set.Object("metadata").Integer("generation") ?? 1,
                ["updatedNumberScheduled"] = now.Count,
            },
            Name
        );
    }
}
