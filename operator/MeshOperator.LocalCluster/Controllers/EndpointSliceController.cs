using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Registry;
using MeshOperator.LocalCluster.Selectors;
using MeshOperator.LocalCluster.Store;

namespace MeshOperator.LocalCluster.Controllers;

/// <summary>Keeps the endpoint slices of services with selectors.</summary>
internal sealed class EndpointSliceController(Cluster cluster) : Controller("endpointslice-controller", cluster.Time, cluster.Logger)
{
    private const string ServiceLabel = "kubernetes.io/service-name";
    private const string ManagedBy = "endpointslice.kubernetes.io/managed-by";
    private const string Own = "endpointslice-controller.k8s.io";
    private const int SliceSize = 100;
    private readonly ResourceKind _services = cluster.Kind("", "services");
    private readonly ResourceKind _pods = cluster.Kind("", "pods");
    private readonly ResourceKind _slices = cluster.Kind("discovery.k8s.io", "endpointslices");

    public override void OnChanged(ResourceKind kind, WatchEvent change)
    {
        if (kind == _services)
        {
            Enqueue(Key(change.Object));
        }
        else if (kind == _slices)
        {
            if (change.Object.Labels.GetValueOrDefault(ManagedBy) == Own && change.Object.Labels.TryGetValue(ServiceLabel, out var service))
                Enqueue($"{change.Object.Namespace}/{service}");
        }
        else if (kind == _pods)
        {
            foreach (var candidate in cluster.Store.List(_services, change.Object.Namespace))
            {
                if (candidate.Selector.Count == 0)
                    continue;
                if (
                    LabelSelector.Covers(candidate.Selector, change.Object.Labels)
                    || (change.Previous is { } previous && LabelSelector.Covers(candidate.Selector, previous.Labels))
                )
                    Enqueue(Key(candidate));
            }
        }
    }

    protected override async Task ReconcileAsync(string key)
    {
        var (@namespace, name) = Split(key);
        var existing = cluster
            .Store.List(_slices, @namespace)
            .Where(s => s.Labels.GetValueOrDefault(ServiceLabel) == name && s.Labels.GetValueOrDefault(ManagedBy) == Own && !s.IsDeleting)
            .Select(s => s.Parse())
            .ToList();
        var service = cluster.Store.Find(_services, @namespace, name);
        if (service is null || service.IsDeleting || service.Selector.Count == 0)
        {
            if (service is not null)
                await DeleteAsync(existing);
            return;
        }

        var content = service.Parse();
        var groups = new Dictionary<string, (JsonArray Ports, Dictionary<string, JsonObject> Endpoints)>(StringComparer.Ordinal);
        foreach (var stored in cluster.Store.List(_pods, @namespace).Where(p => LabelSelector.Covers(service.Selector, p.Labels)))
        {
            var pod = stored.Parse();
            if (pod["status"].Text("podIP") is not { Length: > 0 } || pod["status"].Text("phase") is "Succeeded" or "Failed")
                continue;
            var ports = Ports(content, pod);
            var portsKey = JsonText.EncodeText(ports);
            if (!groups.TryGetValue(portsKey, out var group))
                groups[portsKey] = group = (ports, new Dictionary<string, JsonObject>(StringComparer.Ordinal));
            group.Endpoints[stored.Uid] = Endpoint(content, stored, pod);
        }

        if (groups.Count == 0)
            groups["[]"] = (Ports(content, []), new Dictionary<string, JsonObject>(StringComparer.Ordinal));
        await WriteAsync(content, existing, [.. groups.Values]);
    }

    private static JsonArray Ports(JsonObject service, JsonObject pod)
    {
        var ports = new JsonArray();
        foreach (var port in service["spec"].Objects("ports"))
        {
            var target = port["targetPort"].AsInteger() ?? port["port"].AsInteger();
            if (port.Text("targetPort") is { } named)
            {
                target = pod["spec"]
                    .Objects("containers")
                    .Concat(pod["spec"].Objects("initContainers").Where(c => c.Text("restartPolicy") == "Always"))
                    .SelectMany(c => c.Objects("ports"))
                    .FirstOrDefault(p => p.Text("name") == named && (p.Text("protocol") ?? "TCP") == (port.Text("protocol") ?? "TCP"))
                    .Integer("containerPort");
                if (target is null)
                    continue;
            }

            var made = new JsonObject
            {
                ["name"] = port.Text("name") ?? "",
                ["port"] = target,
                ["protocol"] = port.Text("protocol") ?? "TCP",
            };
            if (port.Text("appProtocol") is { } application)
                made["appProtocol"] = application;
            ports.Add(made);
        }

        return ports;
    }

    private static JsonObject Endpoint(JsonObject service, StoredObject stored, JsonObject pod)
    {
        var serving = stored.IsReady;
        var endpoint = new JsonObject
        {
            ["addresses"] = new JsonArray(pod["status"].Text("podIP")),
            ["conditions"] = new JsonObject
            {
                ["ready"] = (serving && !stored.IsDeleting) || service["spec"].Flag("publishNotReadyAddresses") == true,
                ["serving"] = serving,
                ["terminating"] = stored.IsDeleting,
            },
            ["nodeName"] = pod["spec"].Text("nodeName"),
            ["targetRef"] = new JsonObject
            {
                ["kind"] = "Pod",
                ["name"] = stored.Name,
                ["namespace"] = stored.Namespace,
                ["uid"] = stored.Uid,
            },
        };
        if (pod["spec"].Text("hostname") is { Length: > 0 } host && pod["spec"].Text("subdomain") == service.Name())
            endpoint["hostname"] = host;
        return endpoint;
    }

    /// <summary>Endpoints stay in the slice where they are; new ones fill slices with room, then new slices.</summary>
    private async Task WriteAsync(
        JsonObject service,
        List<JsonObject> existing,
        List<(JsonArray Ports, Dictionary<string, JsonObject> Endpoints)> groups
    )
    {
        foreach (var (ports, endpoints) in groups)
        {
            var slices = existing.Where(s => JsonAccess.Same(s["ports"] ?? new JsonArray(), ports)).ToList();
            foreach (var slice in slices)
                existing.Remove(slice);
            var placed = slices.ConvertAll(slice =>
                slice.Objects("endpoints").Select(e => e.Object("targetRef").Text("uid") ?? "").Where(endpoints.ContainsKey).ToList()
            );
            var homeless = endpoints
                .Keys.Except(placed.SelectMany(p => p))
                .OrderBy(uid => endpoints[uid].Object("targetRef").Text("name"), StringComparer.Ordinal)
                .ToList();
            foreach (var uids in placed)
            {
                var room = Math.Min(SliceSize - uids.Count, homeless.Count);
                uids.AddRange(homeless.Take(room));
                homeless.RemoveRange(0, room);
            }

            foreach (var chunk in homeless.Chunk(SliceSize))
                placed.Add([.. chunk]);
            if (placed.Count == 0)
                placed.Add([]);
            for (var i = 0; i < placed.Count; i++)
            {
                var wanted = Slice(service, ports, placed[i].Select(uid => endpoints[uid]));
                if (i >= slices.Count)
                    await cluster.Writer.CreateAsync(_slices, service.Namespace(), wanted, Cluster.As(Name));
                else if (placed[i].Count == 0 && placed.Count > 1)
                    existing.Add(slices[i]);
                else
                    await UpdateAsync(slices[i], wanted);
            }
        }

        await DeleteAsync(existing);
    }

    private static JsonObject Slice(JsonObject service, JsonArray ports, IEnumerable<JsonObject> endpoints)
    {
        var labels = service.Object("metadata").Object("labels")?.Copy() ?? [];
        labels[ServiceLabel] = service.Name();
        labels[ManagedBy] = Own;
        if (service["spec"].Text("clusterIP") == "None")
            labels["service.kubernetes.io/headless"] = "";
        return new JsonObject
        {
            ["metadata"] = new JsonObject
            {
                ["generateName"] = service.Name() + "-",
                ["labels"] = labels,
                ["ownerReferences"] = new JsonArray(PodTemplates.OwnedBy(service)),
            },
            ["addressType"] = "IPv4",
            ["endpoints"] = new JsonArray([.. endpoints.Select(e => (JsonNode?)e.DeepClone())]),
            ["ports"] = ports.DeepClone(),
        };
    }

    private Task<JsonObject> UpdateAsync(JsonObject slice, JsonObject wanted) =>
        cluster.Writer.UpdateAsync(
            _slices,
            slice.Namespace(),
            slice.Name(),
            "",
            now =>
            {
                now.Meta()["labels"] = wanted.Object("metadata")!["labels"]!.DeepClone();
                now["endpoints"] = wanted["endpoints"]!.DeepClone();
                now["ports"] = wanted["ports"]!.DeepClone();
                return now;
            },
            Cluster.As(Name)
        );

    private async Task DeleteAsync(List<JsonObject> slices)
    {
        foreach (var slice in slices)
        {
            try
            {
                await cluster.Writer.DeleteAsync(_slices, slice.Namespace(), slice.Name(), DeleteOptions.Default, Cluster.As(Name));
            }
            catch (ApiException e) when (e.Code == 404)
            {
                // Gone already.
            }
        }
    }
}
