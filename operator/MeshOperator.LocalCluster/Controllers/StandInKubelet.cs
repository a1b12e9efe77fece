using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Registry;
using MeshOperator.LocalCluster.Schemas;
using MeshOperator.LocalCluster.Store;

namespace MeshOperator.LocalCluster.Controllers;

/// <summary>
/// Scheduler and kubelet in one: binds pods to the one node, says that they run, and lets deleted ones go. Nothing is started.
/// </summary>
internal sealed class StandInKubelet(Cluster cluster) : Controller("kubelet", cluster.Time, cluster.Logger)
{
    public const string Node = "local";
    private const string NodeAddress = "127.0.0.1";
    private readonly ResourceKind _pods = cluster.Kind("", "pods");
    private readonly LoopbackAddresses _addresses = new();

    public override void OnChanged(ResourceKind kind, WatchEvent change)
    {
        if (kind != _pods)
            return;
        if (change.Type == WatchEventType.Deleted)
            _addresses.Release(change.Object.Uid);
        else
            Enqueue(Key(change.Object));
    }

    protected override async Task ReconcileAsync(string key)
    {
        var (@namespace, name) = Split(key);
        if (cluster.Store.Find(_pods, @namespace, name) is not { } stored)
            return;
        if (stored.IsDeleting)
        {
            await EndAsync(stored);
            return;
        }

        if (stored.Fields.GetValueOrDefault("status.phase") is not ("Pending" or ""))
            return;
        var pod = stored.Parse();
        if (pod["spec"].Array("schedulingGates") is { Count: > 0 })
            return;
        if (pod["spec"].Text("nodeName") is { Length: > 0 } elsewhere && elsewhere != Node)
            return;
        pod.Ensure("spec")["nodeName"] = Node;
        pod["status"] = Running(pod);

        // A write that loses the race is followed by the change that won it.
        cluster.Store.TryPut(_pods, pod, stored);
    }

    private async Task EndAsync(StoredObject stored)
    {
        try
        {
            await cluster.Writer.DeleteAsync(
                _pods,
                stored.Namespace,
                stored.Name,
                DeleteOptions.Default with
                {
                    Uid = stored.Uid,
                    GracePeriodSeconds = 0,
                },
                Cluster.As(Name)
            );
        }
        catch (ApiException e) when (e.Code is 404 or 409)
        {
            // It went already.
        }
    }

    private JsonObject Running(JsonObject pod)
    {
        var now = Rfc3339.Seconds(Time.GetUtcNow());
        var ip = pod["spec"].Flag("hostNetwork") == true ? NodeAddress : _addresses.Assign(pod.Uid());
        var done =
            pod["spec"].Text("restartPolicy") != "Always"
            && pod.Object("metadata").Objects("ownerReferences").Any(o => o.Text("kind") == "Job");
        var conditions = new JsonArray();
        foreach (var type in new[] { "PodReadyToStartContainers", "Initialized", "Ready", "ContainersReady", "PodScheduled" })
        {
            var holds = !done || type is "Initialized" or "PodScheduled";
            var condition = new JsonObject
            {
                ["type"] = type,
                ["status"] = holds ? "True" : "False",
                ["lastProbeTime"] = null,
                ["lastTransitionTime"] = now,
            };
            if (!holds)
                condition["reason"] = "PodCompleted";
            conditions.Add(condition);
        }

        var status = new JsonObject
        {
            ["phase"] = done ? "Succeeded" : "Running",
            ["conditions"] = conditions,
            ["hostIP"] = NodeAddress,
            ["hostIPs"] = new JsonArray(new JsonObject { ["ip"] = NodeAddress }),
            ["podIP"] = ip,
            ["podIPs"] = new JsonArray(new JsonObject { ["ip"] = ip }),
            ["startTime"] = now,
            ["qosClass"] = pod["status"]?["qosClass"]?.DeepClone(),
            ["containerStatuses"] = Statuses(pod["spec"].Objects("containers"), _ => !done, init: false, now),
        };
        if (pod["spec"].Array("initContainers") is { Count: > 0 })
            status["initContainerStatuses"] = Statuses(
                pod["spec"].Objects("initContainers"),
                c => c.Text("restartPolicy") == "Always" && !done,
                init: true,
                now
            );
        return status;
    }

    private static JsonArray Statuses(IEnumerable<JsonObject> containers, Func<JsonObject, bool> runs, bool init, string now)
    {
        var statuses = new JsonArray();
        foreach (var container in containers)
        {
            var running = runs(container);
            var image = container.Text("image") ?? "";
            statuses.Add(
                new JsonObject
                {
                    ["name"] = container.Text("name"),
                    ["image"] = image,
                    ["imageID"] = image,
                    ["containerID"] = $"none://{Guid.NewGuid():n}",
                    ["ready"] = running || init,
                    ["started"] = running,
                    ["restartCount"] = 0L,
                    ["state"] = running
                        ? new JsonObject { ["running"] = new JsonObject { ["startedAt"] = now } }
                        : new JsonObject
                        {
                            ["terminated"] = new JsonObject
                            {
                                ["exitCode"] = 0L,
                                ["reason"] = "Completed",
                                ["startedAt"] = now,
                                ["finishedAt"] = now,
                            },
                        },
                    ["lastState"] = new JsonObject(),
                }
            );
        }

        return statuses;
    }
}
