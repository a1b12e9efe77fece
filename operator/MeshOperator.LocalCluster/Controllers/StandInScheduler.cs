using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Store;

namespace MeshOperator.LocalCluster.Controllers;

/// <summary>Binds pods to the one node, which somebody else is the kubelet of.</summary>
internal sealed class StandInScheduler(Cluster cluster) : Controller("scheduler", cluster.Time, cluster.Logger)
{
    private readonly ResourceKind _pods = cluster.Kind("", "pods");

    public override void OnChanged(ResourceKind kind, WatchEvent change)
    {
        if (kind == _pods && change.Type == WatchEventType.Added)
            Enqueue(Key(change.Object));
    }

    protected override Task ReconcileAsync(string key)
    {
        var (@namespace, name) = Split(key);
        if (cluster.Store.Find(_pods, @namespace, name) is not { IsDeleting: false } stored)
            return Task.CompletedTask;
        var pod = stored.Parse();
        if (pod["spec"].Text("nodeName") is { Length: > 0 } || pod["spec"].Array("schedulingGates") is { Count: > 0 })
            return Task.CompletedTask;
        pod.Ensure("spec")["nodeName"] = StandInKubelet.Node;
        if (cluster.Store.TryPut(_pods, pod, stored) is null)
            Enqueue(key);
        return Task.CompletedTask;
    }
}
