using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using MeshOperator.Kubernetes.Client;

namespace MeshOperator.EndToEnd.Cluster;

/// <summary>Stands in for the controllers of Deployment and ReplicaSet, and for the scheduler: there is one node.</summary>
internal sealed class Workloads(ClusterView view, KubernetesTransport transport)
{
    public const string NodeName = "e2e";
    private const string HashLabel = "pod-template-hash";
    private readonly EntityClient<V1ReplicaSet> _sets = new(transport);
    private readonly EntityClient<V1Deployment> _deployments = new(transport);
    private readonly EntityClient<V1Pod> _pods = new(transport);

    /// <summary>What was written and is not yet seen.</summary>
    private readonly HashSet<ObjectKey> _created = [];
    private readonly HashSet<ObjectKey> _deleted = [];

    public async Task ReconcileAsync(CancellationToken cancellation)
    {
        _created.RemoveWhere(view.Pods.Objects.ContainsKey);
        _deleted.RemoveWhere(key => !view.Pods.Objects.TryGetValue(key, out var pod) || pod.Metadata.DeletionTimestamp is not null);
        foreach (var deployment in view.Deployments.Objects.Values)
            await ReconcileAsync(deployment, cancellation);
        foreach (var set in view.ReplicaSets.Objects.Values)
            await ReconcileAsync(set, cancellation);
        await CollectAsync(cancellation);
    }

    private async Task ReconcileAsync(V1Deployment deployment, CancellationToken cancellation)
    {
        if (deployment.Metadata.DeletionTimestamp is not null)
            return;
        var hash = Hash(deployment.Spec.Template);
        var sets = view.ReplicaSets.Objects.Values.Where(s => IsOwnedBy(s, deployment.Metadata.Uid)).ToList();
        if (sets.Find(s => s.Metadata.Labels[HashLabel] == hash) is not { } current)
        {
            await CreateAsync(deployment, hash, sets.Count == 0, cancellation);
            return;
        }

        var old = sets.Where(s => s != current).ToList();
        foreach (var (set, replicas) in RollingUpdate.Next(deployment, current, old, set => [.. FindPods(set)]))
        {
            if (set.Spec.Replicas != replicas)
            {
                var patch = new JsonObject { ["spec"] = new JsonObject { ["replicas"] = replicas } };
                await _sets.MergePatchAsync(ObjectKey.From(set), patch, cancellation);
            }
        }

        await SetStatusAsync(deployment, current, sets, cancellation);
    }

    private async Task CreateAsync(V1Deployment deployment, string hash, bool isFirst, CancellationToken cancellation)
    {
        var template = KubernetesJson.Deserialize<V1PodTemplateSpec>(KubernetesJson.Serialize(deployment.Spec.Template));
        template.Metadata.Labels[HashLabel] = hash;
        var selected = new Dictionary<string, string>(deployment.Spec.Selector.MatchLabels) { [HashLabel] = hash };
        var set = new V1ReplicaSet
        {
            Metadata = new V1ObjectMeta
            {
                Name = $"{deployment.Metadata.Name}-{hash}",
                NamespaceProperty = deployment.Metadata.NamespaceProperty,
                Labels = new Dictionary<string, string>(template.Metadata.Labels),
                OwnerReferences = [Owner(deployment)],
            },
            Spec = new V1ReplicaSetSpec
            {
                Replicas = isFirst ? deployment.Spec.Replicas ?? 1 : 0,
                Selector = new V1LabelSelector { MatchLabels = selected },
                Template = template,
            },
        };
        try
        {
            await _sets.CreateAsync(set, cancellation);
        }
        catch (KubernetesApiException e) when (e.Reason == "AlreadyExists")
        {
            // It was not seen yet.
        }
    }

    private async Task ReconcileAsync(V1ReplicaSet set, CancellationToken cancellation)
    {
        if (set.Metadata.DeletionTimestamp is not null)
            return;
        var pods = FindPods(set).ToList();
        var unseen = _created.Count(k =>
            k.Namespace == set.Metadata.NamespaceProperty && k.Name.StartsWith(set.Metadata.Name + "-", StringComparison.Ordinal)
        );
        var wanted = set.Spec.Replicas ?? 1;
        for (var i = pods.Count + unseen; i < wanted; i++)
            await CreatePodAsync(set, cancellation);
        foreach (
            var pod in pods.OrderBy(p => p.IsReady())
                .ThenByDescending(p => p.Metadata.Name, StringComparer.Ordinal)
                .Take(pods.Count - wanted)
        )
        {
            _deleted.Add(ObjectKey.From(pod));
            await _pods.DeleteAsync(ObjectKey.From(pod), cancellation);
        }
    }

    private async Task CreatePodAsync(V1ReplicaSet set, CancellationToken cancellation)
    {
        var template = KubernetesJson.Deserialize<V1PodTemplateSpec>(KubernetesJson.Serialize(set.Spec.Template));
        template.Spec.NodeName = NodeName;
        template.Metadata.Name = $"{set.Metadata.Name}-{RandomNumberGenerator.GetString("bcdfghjklmnpqrstvwxz2456789", 5)}";
        template.Metadata.NamespaceProperty = set.Metadata.NamespaceProperty;
        template.Metadata.OwnerReferences = [Owner(set)];
        var pod = await _pods.CreateAsync(new V1Pod { Metadata = template.Metadata, Spec = template.Spec }, cancellation);
        _created.Add(ObjectKey.From(pod));
    }

    private async Task SetStatusAsync(
        V1Deployment deployment,
        V1ReplicaSet current,
        List<V1ReplicaSet> sets,
        CancellationToken cancellation
    )
    {
        var pods = sets.SelectMany(FindPods).ToList();
        var (ready, updated) = (pods.Count(p => p.IsReady()), FindPods(current).Count());
        if (
            deployment.Status is { } known
            && known.ObservedGeneration == deployment.Metadata.Generation
            && (known.Replicas ?? 0) == pods.Count
            && (known.ReadyReplicas ?? 0) == ready
            && (known.UpdatedReplicas ?? 0) == updated
        )
            return;
        var status = new JsonObject
        {
            ["observedGeneration"] = deployment.Metadata.Generation,
            ["replicas"] = pods.Count,
            ["readyReplicas"] = ready,
            ["availableReplicas"] = ready,
            ["updatedReplicas"] = updated,
        };
        await _deployments.ApplyAsync(
            ObjectKey.From(deployment),
            new JsonObject { ["status"] = status },
            "workloads-of-the-tests",
            "status",
            cancellation
        );
    }

    /// <summary>What belonged to something that is gone goes too.</summary>
    private async Task CollectAsync(CancellationToken cancellation)
    {
        var deployments = view.Deployments.Objects.Values.Select(d => d.Metadata.Uid).ToHashSet();
        foreach (
            var set in view.ReplicaSets.Objects.Values.Where(s =>
                s.Metadata.OwnerReferences is [{ Kind: "Deployment" } owner] && !deployments.Contains(owner.Uid)
            )
        )
            await _sets.DeleteAsync(ObjectKey.From(set), cancellation);
        var sets = view.ReplicaSets.Objects.Values.Select(s => s.Metadata.Uid).ToHashSet();
        foreach (
            var pod in view.Pods.Objects.Values.Where(p =>
                p.Metadata.DeletionTimestamp is null
                && p.Metadata.OwnerReferences is [{ Kind: "ReplicaSet" } owner]
                && !sets.Contains(owner.Uid)
                && !view.ReplicaSets.Objects.ContainsKey(new ObjectKey(p.Metadata.NamespaceProperty, owner.Name))
            )
        )
        {
            await _pods.DeleteAsync(ObjectKey.From(pod), cancellation);
        }
    }

    private IEnumerable<V1Pod> FindPods(V1ReplicaSet set) =>
        view.Pods.Objects.Values.Where(p =>
            IsOwnedBy(p, set.Metadata.Uid)
            && p.Metadata.DeletionTimestamp is null
            && !_deleted.Contains(ObjectKey.From(p))
            && p.Status?.Phase is not ("Succeeded" or "Failed")
        );

    private static bool IsOwnedBy(IKubernetesObject<V1ObjectMeta> entity, string uid) =>
        entity.Metadata.OwnerReferences?.Any(o => o.Uid == uid) == true;

    private static V1OwnerReference Owner(IKubernetesObject<V1ObjectMeta> owner) =>
        new()
        {
            ApiVersion = "apps/v1",
            Kind = owner is V1Deployment ? "Deployment" : "ReplicaSet",
            Name = owner.Metadata.Name,
            Uid = owner.Metadata.Uid,
            Controller = true,
            BlockOwnerDeletion = true,
        };

    private static string Hash(V1PodTemplateSpec template) =>
        Convert
            .ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(KubernetesJson.Serialize(template))))[..8]
            .ToLower(CultureInfo.InvariantCulture);
}
