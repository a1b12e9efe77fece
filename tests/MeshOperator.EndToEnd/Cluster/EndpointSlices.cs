using System.Text.Json.Nodes;
using k8s.Models;
using MeshOperator.EndToEnd.Node;
using MeshOperator.Kubernetes.Client;

namespace MeshOperator.EndToEnd.Cluster;

/// <summary>Stands in for the EndpointSlice controller: one slice for each service with a selector, and one more where its pods have
/// addresses of IPv6.</summary>
internal sealed class EndpointSlices(ClusterView view, EntityClient<V1EndpointSlice> client)
{
    private const string ManagedBy = "endpointslice.kubernetes.io/managed-by";
    private const string Own = "endpoints-of-the-tests";
    private readonly Dictionary<ObjectKey, string> _written = [];

    public async Task ReconcileAsync(CancellationToken cancellation)
    {
        var pods = view.Pods.Objects.Values.ToLookup(p => p.Metadata.NamespaceProperty);
        foreach (
            var service in view.Services.Objects.Values.Where(s =>
                s.Spec.Selector is { Count: > 0 } && s.Metadata.DeletionTimestamp is null
            )
        )
        {
            var selected = pods[service.Metadata.NamespaceProperty]
                .Where(p => Selects(service, p) && HasAddress(p, 0))
                .OrderBy(p => p.Metadata.Name, StringComparer.Ordinal)
                .ToList();
            await WriteAsync(service, "IPv4", selected.Select(p => Endpoint(p, p.Status.PodIPs[0].Ip)), cancellation);
            var dual = selected.Where(p => HasAddress(p, 1)).ToList();
            if (dual.Count > 0 && (service.Spec.IpFamilyPolicy != "SingleStack" || service.Spec.ClusterIP == "None"))
                await WriteAsync(service, "IPv6", dual.Select(p => Endpoint(p, p.Status.PodIPs[1].Ip)), cancellation);
        }

        foreach (
            var slice in view.Slices.Objects.Values.Where(s =>
                s.Metadata.Labels is { } l && l.TryGetValue(ManagedBy, out var by) && by == Own
            )
        )
        {
            var service = new ObjectKey(slice.Metadata.NamespaceProperty, slice.GetServiceName());
            if (view.Services.Objects.ContainsKey(service))
                continue;
            await client.DeleteAsync(ObjectKey.From(slice), cancellation);
            _written.Remove(ObjectKey.From(slice));
        }
    }

    private async Task WriteAsync(V1Service service, string family, IEnumerable<JsonObject> endpoints, CancellationToken cancellation)
    {
        var name = $"{service.Metadata.Name}-e2e{(family == "IPv4" ? "" : "-ipv6")}";
        var key = new ObjectKey(service.Metadata.NamespaceProperty, name);
        var fields = Fields(service, family, endpoints);
        var text = fields.ToJsonString();
        if (_written.TryGetValue(key, out var known) && known == text)
            return;
        await client.ApplyAsync(key, fields, Own, null, cancellation);
        _written[key] = text;
    }

    private static bool HasAddress(V1Pod pod, int index) => pod.Status?.PodIPs is { } addresses && addresses.Count > index;

    private static bool Selects(V1Service service, V1Pod pod) =>
        service.Spec.Selector.All(l => pod.Metadata.Labels is { } labels && labels.TryGetValue(l.Key, out var value) && value == l.Value);

    private static JsonObject Fields(V1Service service, string family, IEnumerable<JsonObject> endpoints)
    {
        var labels = new JsonObject { [EndpointSliceLabels.Service] = service.Metadata.Name, [ManagedBy] = Own };
        if (service.Spec.ClusterIP == "None")
            labels["service.kubernetes.io/headless"] = string.Empty;
        return new JsonObject
        {
            ["metadata"] = new JsonObject { ["labels"] = labels },
            ["addressType"] = family,
            ["ports"] = new JsonArray([.. service.Spec.Ports.Select(Port)]),
            ["endpoints"] = new JsonArray([.. endpoints]),
        };
    }

    private static JsonObject Port(V1ServicePort port)
    {
        var made = new JsonObject
        {
            ["name"] = port.Name ?? string.Empty,
            ["port"] = port.TargetPort is { } target && int.TryParse(target.Value, out var number) ? number : port.Port,
            ["protocol"] = port.Protocol ?? "TCP",
        };
        if (port.AppProtocol is { } application)
            made["appProtocol"] = application;
        return made;
    }

    private static JsonObject Endpoint(V1Pod pod, string address)
    {
        var isReady = pod.IsReady();
        var isTerminating = pod.Metadata.DeletionTimestamp is not null;
        return new JsonObject
        {
            ["addresses"] = new JsonArray(address),
            ["conditions"] = new JsonObject
            {
                ["ready"] = isReady && !isTerminating,
                ["serving"] = isReady,
                ["terminating"] = isTerminating,
            },
            ["nodeName"] = pod.Spec.NodeName,
            ["targetRef"] = new JsonObject
            {
                ["kind"] = "Pod",
                ["name"] = pod.Metadata.Name,
                ["namespace"] = pod.Metadata.NamespaceProperty,
                ["uid"] = pod.Metadata.Uid,
            },
        };
    }
}

/// <summary>What the stand-ins read of a pod's status.</summary>
internal static class PodConditions
{
    public static bool IsReady(this V1Pod pod) => pod.Status?.Conditions?.Any(c => c is { Type: "Ready", Status: "True" }) == true;
}
