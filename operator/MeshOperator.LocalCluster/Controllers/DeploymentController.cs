using System.Globalization;
using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Registry;
using MeshOperator.LocalCluster.Schemas;
using MeshOperator.LocalCluster.Store;

namespace MeshOperator.LocalCluster.Controllers;

/// <summary>
/// Rolls deployments from one ReplicaSet to the next.
/// </summary>
internal sealed class DeploymentController(Cluster cluster) : Controller("deployment-controller", cluster.Time, cluster.Logger)
{
    private const string HashLabel = "pod-template-hash";
    private const string Revision = "deployment.kubernetes.io/revision";
    private readonly ResourceKind _deployments = cluster.Kind("apps", "deployments");
    private readonly ResourceKind _sets = cluster.Kind("apps", "replicasets");

    public override void OnChanged(ResourceKind kind, WatchEvent change)
    {
        if (kind == _deployments)
            Enqueue(Key(change.Object));
        else if (kind == _sets)
            foreach (var owner in change.Object.Owners.Where(o => o.Controller && o.Kind == "Deployment"))
                Enqueue($"{change.Object.Namespace}/{owner.Name}");
    }

    protected override async Task ReconcileAsync(string key)
    {
        var (@namespace, name) = Split(key);
        if (cluster.Store.Find(_deployments, @namespace, name) is not { IsDeleting: false } stored)
            return;
        var deployment = stored.Parse();
        var owned = Owned(stored);
        var current = await CurrentAsync(deployment, owned);
        var old = owned.Where(s => s.Uid() != current.Uid()).ToList();
        var wanted = deployment.At("spec.replicas").AsInteger() ?? 1;
        var recreate = deployment.At("spec.strategy.type").AsText() == "Recreate";
        var oldGone = old.All(s => s.At("status.replicas").AsInteger() is null or 0);
        var paused = deployment.At("spec.paused").AsFlag() == true;
        if (recreate && !paused)
        {
            foreach (var set in old)
                await ScaleAsync(deployment, set, 0);
            if (oldGone)
                await ScaleAsync(deployment, current, wanted);
        }
        else if (!paused)
        {
            foreach (var (set, replicas) in RollingUpdate.FromDeployment(deployment).Next(current, old).ToList())
                await ScaleAsync(deployment, set, replicas);
        }

        await TrimAsync(deployment, old);
        await StatusAsync(stored, deployment, Owned(stored), current.Uid());
    }

    private List<JsonObject> Owned(StoredObject deployment) =>
        [
            .. cluster
                .Store.List(_sets, deployment.Namespace)
                .Where(s => s.ControllerUid == deployment.Uid && !s.IsDeleting)
                .Select(s => s.Parse()),
        ];

    private async Task<JsonObject> CurrentAsync(JsonObject deployment, List<JsonObject> owned)
    {
        var template = (JsonObject)deployment.At("spec.template")!;
        var hash = PodTemplates.Hash(template);
        var revision = owned.Select(ReadRevision).DefaultIfEmpty(0).Max();
        var current = owned.FirstOrDefault(s => PodTemplates.Hash(WithoutHash(s)) == hash);
        if (current is null)
        {
            current = await cluster.Writer.CreateAsync(
                _sets,
                deployment.Namespace(),
                ReplicaSet(deployment, template, hash, revision + 1),
                Cluster.As(Name)
            );
            await SetRevisionAsync(_deployments, deployment, revision + 1);
        }
        else
        {
            if (ReadRevision(current) < revision)
                await SetRevisionAsync(_sets, current, revision = revision + 1);
            await SetRevisionAsync(_deployments, deployment, Math.Max(revision, ReadRevision(current)));
        }

        return current;
    }

    private static JsonObject ReplicaSet(JsonObject deployment, JsonObject template, string hash, long revision)
    {
        var labels = template.Object("metadata").Object("labels")?.Copy() ?? [];
        labels[HashLabel] = hash;
        var own = template.Copy();
        own.Ensure("metadata")["labels"] = labels.DeepClone();
        var selector = deployment.At("spec.selector") is JsonObject given ? given.Copy() : [];
        selector.Ensure("matchLabels")[HashLabel] = hash;
        var annotations = (deployment.Object("metadata").Object("annotations")?.Copy()) ?? [];
        annotations.Remove("kubectl.kubernetes.io/last-applied-configuration");
        annotations[Revision] = revision.ToString(CultureInfo.InvariantCulture);
        return new JsonObject
        {
            ["metadata"] = new JsonObject
            {
                ["name"] = $"{deployment.Name()}-{hash}",
                ["labels"] = labels,
                ["annotations"] = annotations,
                ["ownerReferences"] = new JsonArray(PodTemplates.OwnedBy(deployment)),
            },
            ["spec"] = new JsonObject
            {
                ["replicas"] = 0L,
                ["minReadySeconds"] = deployment.At("spec.minReadySeconds")?.DeepClone(),
                ["selector"] = selector,
                ["template"] = own,
            },
        };
    }

    private static JsonNode? WithoutHash(JsonObject set)
    {
        var template = set.At("spec.template")?.DeepClone();
        (template.Object("metadata").Object("labels"))?.Remove(HashLabel);
        return template;
    }

    private static long ReadRevision(JsonObject content) =>
        long.TryParse(
            content.Object("metadata").Object("annotations").Text(Revision),
            NumberStyles.None,
            CultureInfo.InvariantCulture,
            out var revision
        )
            ? revision
            : 0;

    private async Task SetRevisionAsync(ResourceKind kind, JsonObject content, long revision)
    {
        if (ReadRevision(content) == revision)
            return;
        await cluster.Writer.UpdateAsync(
            kind,
            content.Namespace(),
            content.Name(),
            "",
            now =>
            {
                now.Meta().Ensure("annotations")[Revision] = revision.ToString(CultureInfo.InvariantCulture);
                return now;
            },
            Cluster.As(Name)
        );
    }

    private async Task ScaleAsync(JsonObject deployment, JsonObject set, long replicas)
    {
        var before = set.At("spec.replicas").AsInteger() ?? 1;
        if (before == replicas)
            return;
        await cluster.Writer.UpdateAsync(
            _sets,
            set.Namespace(),
            set.Name(),
            "",
            now =>
            {
                now.Ensure("spec")["replicas"] = replicas;
                return now;
            },
            Cluster.As(Name)
        );
        await EventAsync(deployment, set.Name(), before, replicas);
    }

    private Task EventAsync(JsonObject deployment, string set, long from, long to) =>
        cluster.Events.RecordAsync(
            deployment,
            "Normal",
            "ScalingReplicaSet",
            $"Scaled {(to >= from ? "up" : "down")} replica set {set} from {from} to {to}",
            Name
        );

    private async Task TrimAsync(JsonObject deployment, List<JsonObject> old)
    {
        var keep = (int)(deployment.At("spec.revisionHistoryLimit").AsInteger() ?? 10);
        var idle = old.Where(s => s.At("spec.replicas").AsInteger() == 0 && s.At("status.replicas").AsInteger() is null or 0)
            .OrderByDescending(ReadRevision)
            .Skip(keep);
        foreach (var set in idle)
        {
            try
            {
                await cluster.Writer.DeleteAsync(_sets, set.Namespace(), set.Name(), DeleteOptions.Default, Cluster.As(Name));
            }
            catch (ApiException e) when (e.Code == 404)
            {
                // Gone already.
            }
        }
    }

    private async Task StatusAsync(StoredObject stored, JsonObject deployment, List<JsonObject> owned, string current)
    {
        var now = Rfc3339.Seconds(Time.GetUtcNow());
        var wanted = deployment.At("spec.replicas").AsInteger() ?? 1;
        long Sum(string field, Func<JsonObject, bool>? which = null) =>
            owned.Where(s => which?.Invoke(s) ?? true).Sum(s => s["status"].Integer(field) ?? 0);
        var total = Sum("replicas");
        var updated = Sum("replicas", s => s.Uid() == current);
        var available = Sum("availableReplicas");
        var status = new JsonObject { ["observedGeneration"] = deployment.Object("metadata").Integer("generation") ?? 1 };
        foreach (
            var (field, value) in new[]
            {
                ("replicas", total),
                ("updatedReplicas", updated),
                ("readyReplicas", Sum("readyReplicas")),
                ("availableReplicas", available),
                ("unavailableReplicas", Math.Max(0, wanted - available)),
            }
        )
            if (value > 0)
                status[field] = value;
        var isAvailable =
            available
            >= wanted
                - (
                    deployment.At("spec.strategy.type").AsText() == "Recreate" ? 0 : RollingUpdate.FromDeployment(deployment).MaxUnavailable
                );
        var complete = updated == wanted && total == wanted && available >= wanted;
        var set = owned.Find(s => s.Uid() == current)?.Name();
        var before = deployment["status"];
        status["conditions"] = new JsonArray(
            isAvailable
                ? PodTemplates.Condition(before, "Available", true, "MinimumReplicasAvailable", "Deployment has minimum availability.", now)
                : PodTemplates.Condition(
                    before,
                    "Available",
                    false,
                    "MinimumReplicasUnavailable",
                    "Deployment does not have minimum availability.",
                    now
                ),
            complete
                ? PodTemplates.Condition(
                    before,
                    "Progressing",
                    true,
                    "NewReplicaSetAvailable",
                    $"ReplicaSet \"{set}\" has successfully progressed.",
                    now
                )
                : PodTemplates.Condition(before, "Progressing", true, "ReplicaSetUpdated", $"ReplicaSet \"{set}\" is progressing.", now)
        );
        await PodTemplates.SetStatusAsync(cluster, _deployments, stored, status, Name);
    }
}
