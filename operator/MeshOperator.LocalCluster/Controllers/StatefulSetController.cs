using System.Globalization;
using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Store;

namespace MeshOperator.LocalCluster.Controllers;

/// <summary>Keeps the numbered pods of stateful sets, in order; claims are not made.</summary>
internal sealed class StatefulSetController(Cluster cluster) : Controller("statefulset-controller", cluster.Time, cluster.Logger)
{
    private const string HashLabel = "controller-revision-hash";
    private readonly ResourceKind _sets = cluster.Kind("apps", "statefulsets");
    private readonly ResourceKind _pods = cluster.Kind("", "pods");

    public override void OnChanged(ResourceKind kind, WatchEvent change)
    {
        if (kind == _sets)
            Enqueue(Key(change.Object));
        else if (kind == _pods)
            foreach (var owner in change.Object.Owners.Where(o => o.Controller && o.Kind == "StatefulSet"))
                Enqueue($"{change.Object.Namespace}/{owner.Name}");
    }

    protected override async Task ReconcileAsync(string key)
    {
        var (@namespace, name) = Split(key);
        if (cluster.Store.Find(_sets, @namespace, name) is not { IsDeleting: false } stored)
            return;
        var set = stored.Parse();
        var hash = $"{name}-{PodTemplates.Hash(set.At("spec.template"))}";
        try
        {
            await NextAsync(stored, set, hash);
        }
        finally
        {
            await StatusAsync(stored, set, hash);
        }
    }

    /// <summary>One step; the pods' changes bring the next.</summary>
    private async Task NextAsync(StoredObject stored, JsonObject set, string hash)
    {
        var wanted = (int)(set.At("spec.replicas").AsInteger() ?? 1);
        var ordered = set.At("spec.podManagementPolicy").AsText() != "Parallel";
        for (var ordinal = 0; ordinal < wanted; ordinal++)
        {
            var name = string.Create(CultureInfo.InvariantCulture, $"{stored.Name}-{ordinal}");
            var pod = cluster.Store.Find(_pods, stored.Namespace, name);
            if (pod is null)
            {
                await PodTemplates.CreatePodAsync(cluster, set, name, Name, made => Number(made, set, name, ordinal, hash));
                if (ordered)
                    return;
            }
            else if (ordered && (!pod.IsReady || pod.IsDeleting))
            {
                return;
            }
        }

        var pods = PodTemplates.Pods(cluster, stored).OrderByDescending(Ordinal).ToList();
        foreach (var pod in pods.Where(p => Ordinal(p) >= wanted))
        {
            await PodTemplates.DeletePodAsync(cluster, set, pod, Name);
            if (ordered)
                return;
        }

        if (set.At("spec.updateStrategy.type").AsText() == "OnDelete" || pods.Exists(p => !p.IsReady || p.IsDeleting))
            return;
        var partition = set.At("spec.updateStrategy.rollingUpdate.partition").AsInteger() ?? 0;
        if (pods.Find(p => Ordinal(p) >= partition && p.Labels.GetValueOrDefault(HashLabel) != hash) is { } outdated)
            await PodTemplates.DeletePodAsync(cluster, set, outdated, Name);
    }

    private static void Number(JsonObject pod, JsonObject set, string name, int ordinal, string hash)
    {
        var labels = pod.Meta().Ensure("labels");
        labels["statefulset.kubernetes.io/pod-name"] = name;
        labels["apps.kubernetes.io/pod-index"] = ordinal.ToString(CultureInfo.InvariantCulture);
        labels[HashLabel] = hash;
        var spec = pod.Ensure("spec");
        spec["hostname"] = name;
        if (set.At("spec.serviceName").AsText() is { Length: > 0 } service)
            spec["subdomain"] = service;
        foreach (var claim in set["spec"].Objects("volumeClaimTemplates").Select(c => c.Object("metadata").Text("name")))
        {
            if (spec["volumes"] is not JsonArray volumes)
                spec["volumes"] = volumes = [];
            volumes.Add(
                new JsonObject
                {
                    ["name"] = claim,
                    ["persistentVolumeClaim"] = new JsonObject { ["claimName"] = $"{claim}-{name}" },
                }
            );
        }
    }

    private static int Ordinal(StoredObject pod) =>
        int.TryParse(pod.Name[(pod.Name.LastIndexOf('-') + 1)..], NumberStyles.None, CultureInfo.InvariantCulture, out var ordinal)
            ? ordinal
            : int.MaxValue;

    private async Task StatusAsync(StoredObject stored, JsonObject set, string hash)
    {
        if (cluster.Store.Find(_sets, stored.Namespace, stored.Name)?.Uid != stored.Uid)
            return;
        var pods = PodTemplates.Pods(cluster, stored);
        var ready = pods.Count(p => p.IsReady);
        var updated = pods.Count(p => p.Labels.GetValueOrDefault(HashLabel) == hash);
        var status = new JsonObject
        {
            ["observedGeneration"] = set.Object("metadata").Integer("generation") ?? 1,
            ["replicas"] = pods.Count,
            ["readyReplicas"] = ready,
            ["availableReplicas"] = ready,
            ["currentReplicas"] = updated,
            ["updatedReplicas"] = updated,
            ["currentRevision"] = updated == pods.Count ? hash : set.At("status.currentRevision").AsText() ?? hash,
            ["updateRevision"] = hash,
            ["collisionCount"] = 0,
        };
        await PodTemplates.SetStatusAsync(cluster, _sets, stored, status, Name);
    }
}
