using System.Globalization;
using k8s.Models;

namespace MeshOperator.Tests.Goldens;

/// <summary>Stands in for the controller that makes endpoint slices: pods with the same target ports share one, of each address
/// family.</summary>
internal static class EndpointSlices
{
    public static IEnumerable<V1EndpointSlice> For(V1Service service, IReadOnlyList<V1Pod> pods)
    {
        if (service.Spec.Selector is not { Count: > 0 } selector || service.Spec.Type == "ExternalName")
            yield break;
        var selected = pods.Where(pod => pod.Metadata.NamespaceProperty == service.Metadata.NamespaceProperty)
            .Where(pod => selector.All(label => pod.Metadata.Labels?.Contains(label) == true))
            .Select(pod => (Pod: pod, Ports: Ports(service, pod)))
            .GroupBy(entry => string.Join(' ', entry.Ports.Select(port => $"{port.Name}:{port.Port}")))
            .ToList();
        foreach (var family in service.Spec.IpFamilies ?? ["IPv4"])
        {
            foreach (var (index, group) in selected.Index())
            {
                var reachable = group.Where(entry => Address(entry.Pod, family) is not null).ToList();
                if (reachable.Count == 0)
                    continue;
                yield return new V1EndpointSlice
                {
                    Metadata = new V1ObjectMeta
                    {
                        Name = string.Create(CultureInfo.InvariantCulture, $"{service.Metadata.Name}-{family.ToUpperInvariant()}-{index}"),
                        NamespaceProperty = service.Metadata.NamespaceProperty,
                        Labels = new Dictionary<string, string> { ["kubernetes.io/service-name"] = service.Metadata.Name },
                    },
                    AddressType = family,
                    Ports = reachable[0].Ports,
                    Endpoints = [.. reachable.Select(entry => Endpoint(service, entry.Pod, family))],
                };
            }
        }
    }

    private static string? Address(V1Pod pod, string family) =>
        pod.Status.PodIPs.Select(ip => ip.Ip).FirstOrDefault(ip => ip.Contains(':', StringComparison.Ordinal) == (family == "IPv6"));

    private static V1Endpoint Endpoint(V1Service service, V1Pod pod, string family) =>
        new()
        {
            Addresses = [Address(pod, family)],
            Conditions = new V1EndpointConditions
            {
                Ready =
                    service.Spec.PublishNotReadyAddresses == true
                    || pod.Status.Conditions?.Any(c => c.Type == "Ready" && c.Status == "False") != true,
            },
            Hostname = pod.Spec.Subdomain == service.Metadata.Name ? pod.Spec.Hostname : null,
            TargetRef = new V1ObjectReference
            {
                Kind = "Pod",
                Name = pod.Metadata.Name,
                NamespaceProperty = pod.Metadata.NamespaceProperty,
            },
            NodeName = pod.Spec.NodeName,
            // Nodes of cases have no pods of their own: where a pod asks to be is where it is.
            Zone = pod.Spec.NodeSelector is { } nodes && nodes.TryGetValue("topology.kubernetes.io/zone", out var zone) ? zone : null,
        };

    /// <summary>A port that the pod has no container port of that name for is left out.</summary>
    private static List<Discoveryv1EndpointPort> Ports(V1Service service, V1Pod pod) =>
        [
            .. (service.Spec.Ports ?? [])
                .Select(port => (Port: port, Target: Target(port, pod)))
                .Where(entry => entry.Target is not null)
                .Select(entry => new Discoveryv1EndpointPort
                {
                    Name = entry.Port.Name,
                    Port = entry.Target,
                    Protocol = entry.Port.Protocol,
                    AppProtocol = entry.Port.AppProtocol,
                }),
        ];

    private static int? Target(V1ServicePort port, V1Pod pod)
    {
        if (port.TargetPort is null)
            return port.Port;
        if (int.TryParse(port.TargetPort.Value, CultureInfo.InvariantCulture, out var number))
            return number;
        return pod.Spec.Containers.SelectMany(c => c.Ports ?? []).FirstOrDefault(p => p.Name == port.TargetPort.Value)?.ContainerPort;
    }
}
