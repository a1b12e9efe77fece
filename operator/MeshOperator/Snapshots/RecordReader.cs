using System.Net;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Injection;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Snapshots;

/// <summary>Reads Kubernetes objects into the small records of a snapshot. Null means that the mesh has no use for the object.</summary>
internal static class RecordReader
{
    private const string ZoneLabel = "topology.kubernetes.io/zone";
    private const string ServiceNameLabel = "kubernetes.io/service-name";
    private static readonly string[] ReadAnnotations =
    [
        SidecarAnnotations.Upstreams,
        SidecarAnnotations.LocalPorts,
        SidecarAnnotations.ApplicationAddress,
        SidecarAnnotations.ProxyAddress,
        SidecarAnnotations.ApplicationIdleTimeout,
        SidecarAnnotations.ApplicationConnectTimeout,
        SidecarAnnotations.ApplicationMaxConnections,
        SidecarAnnotations.ApplicationRequestsPerConnection,
        MeshNames.DirectPortsAnnotation,
        MeshNames.InboundModeAnnotation,
        MeshNames.SharedLimitsAnnotation,
        MeshNames.CompletionAnnotation,
    ];

    public static NamespaceRecord? Read(V1Namespace ns) =>
        ns.Metadata.Annotations is { } annotations && annotations.TryGetValue(SidecarAnnotations.Upstreams, out var upstreams)
            ? new NamespaceRecord(upstreams)
            : null;

    public static ServiceRecord? Read(V1Service service)
    {
        var spec = service.Spec;
        if (spec is null)
            return null;
        IEnumerable<string> addresses =
            spec.ClusterIPs is { Count: > 0 } all ? all
            : spec.ClusterIP is { } one ? [one]
            : [];
        return new ServiceRecord(
            addresses.Where(a => a.Length > 0 && a != "None").ToValueList(),
            (spec.Ports ?? [])
                .Where(p => p.Protocol is null or "TCP")
                .Select(p => new ServicePortRecord(p.Name ?? string.Empty, p.Port, p.AppProtocol))
                .ToValueList(),
            spec.Type == "ExternalName"
        )
        {
            StaysOnNode = spec.InternalTrafficPolicy == "Local",
            ExternalName = spec.Type == "ExternalName" ? spec.ExternalName : null,
            HasClientAffinity = spec.SessionAffinity == "ClientIP",
            ExternalAddresses = ExternalAddresses(service).ToValueList(),
        };
    }

    /// <summary>The node's zone; null where it has none.</summary>
    public static NodeRecord? Read(V1Node node) =>
        node.Metadata.Labels is { } labels && labels.TryGetValue(ZoneLabel, out var zone) && zone.Length > 0 ? new NodeRecord(zone) : null;

    /// <summary>Drops all but the name and the zone.</summary>
    public static void Trim(V1Node node)
    {
        node.Metadata.Annotations = null;
        node.Metadata.Labels = node.Metadata.Labels?.Where(label => label.Key == ZoneLabel).ToDictionary();
        node.Spec = null;
        node.Status = null;
    }

    /// <summary>Where kube-proxy takes connections of pods to the service as well. What it does of its own there is left to it: endpoints
    /// of one node are only for the cluster IP, and ranges of sources are looked at for the load balancer's address.</summary>
    private static IEnumerable<string> ExternalAddresses(V1Service service)
    {
        if (service.Spec.InternalTrafficPolicy == "Local" || service.Spec.ClusterIP is null or "" or "None")
            return [];
        var balancer = service.Spec.LoadBalancerSourceRanges is { Count: > 0 } ? [] : service.Status?.LoadBalancer?.Ingress ?? [];
        return (service.Spec.ExternalIPs ?? [])
            .Concat(balancer.Where(ingress => ingress.IpMode is null or "VIP").Select(ingress => ingress.Ip))
            .Where(address => IPAddress.TryParse(address, out _))
            .Distinct();
    }

    public static EndpointSliceRecord? Read(V1EndpointSlice slice)
    {
        if (
            slice.AddressType == "FQDN"
            || slice.Metadata.Labels is not { } labels
            || !labels.TryGetValue(ServiceNameLabel, out var service)
        )
            return null;
        return new EndpointSliceRecord(
            service,
            (slice.Ports ?? [])
                .Where(p => p.Port is not null && p.Protocol is null or "TCP")
                .Select(p => new SlicePort(p.Name ?? string.Empty, p.Port!.Value))
                .ToValueList(),
            (slice.Endpoints ?? []).Select(endpoint => ReadEndpoint(endpoint, slice.Metadata.NamespaceProperty)).ToValueList()
        );
    }

    public static PodRecord? Read(V1Pod pod) =>
        pod.Status?.Phase is "Succeeded" or "Failed"
            ? null
            : new PodRecord(
                string.IsNullOrEmpty(pod.Spec?.ServiceAccountName) ? "default" : pod.Spec.ServiceAccountName,
                pod.Metadata.Labels is { } labels
                    && labels.TryGetValue(MeshNames.ProxyLabel, out var proxy)
                    && proxy == MeshNames.ProxyEnvoy
                    && SidecarInjector.IsInjected(pod),
                (pod.Metadata.Labels ?? new Dictionary<string, string>()).OrderBy(l => l.Key, StringComparer.Ordinal).ToValueList()
            )
            {
                Upstreams = Annotation(pod, SidecarAnnotations.Upstreams),
                ContainerPorts = (pod.Spec?.Containers ?? [])
                    .Concat(pod.Spec?.InitContainers ?? [])
                    .Where(c => c.Name != SidecarInjector.ContainerName)
                    .SelectMany(c => c.Ports ?? [])
                    .Where(p => p.Protocol is null or "TCP")
                    .Select(p => p.ContainerPort)
                    .Distinct()
                    .Order()
                    .ToValueList(),
                DirectPorts = Annotation(pod, MeshNames.DirectPortsAnnotation),
                Node = pod.Spec?.NodeName is { Length: > 0 } node ? node : null,
                Address = pod.Status?.PodIPs is [{ Ip: { Length: > 0 } address }, ..] ? address : null,
                ProxyThreads = ProxyThreads.Read(pod),
                Application = ApplicationSettings.Read(pod.Metadata.Annotations),
                ExplicitProxy = ReadExplicitProxy(pod),
                CanShareLimits = Annotation(pod, MeshNames.SharedLimitsAnnotation) == "true",
                OtherAddress = pod.Status?.PodIPs is [_, { Ip: { Length: > 0 } other }, ..] ? other : null,
                HasIpv6 = pod.Status?.PodIPs?.Any(ip => ip.Ip is { } some && IpFamily.IsIpv6(some)) == true,
            };

    /// <summary>What is wrong in an annotation is as if it were not there: admission refuses it, but nobody is asked when it is changed.
    /// Only loopback addresses count, as anything else would open the pod's identity to others.</summary>
    private static ExplicitProxySettings? ReadExplicitProxy(V1Pod pod)
    {
        var binds = Annotation(pod, MeshNames.InboundModeAnnotation) == MeshNames.InboundProxy;
        if (!binds && Annotation(pod, MeshNames.DirectPortsAnnotation) != MeshNames.AllPorts)
            return null;
        var ns = pod.Metadata.NamespaceProperty;
        _ = LocalPortList.TryParse(Annotation(pod, SidecarAnnotations.LocalPorts) ?? string.Empty, ns, out var ports, out _);
        var addresses = (pod.Status?.PodIPs ?? []).Select(ip => ip.Ip).OfType<string>().ToValueList();
        return new ExplicitProxySettings(
            Loopback(SidecarAnnotations.ProxyAddress),
            ports
                .Select(port => new LocalServicePort(port.Port, new ServiceName(port.Namespace, port.Service), port.ServicePort))
                .ToValueList()
        )
        {
            Inbound = binds ? new InboundBinding(addresses, Loopback(SidecarAnnotations.ApplicationAddress)) : null,
        };

        string Loopback(string annotation) =>
            Annotation(pod, annotation) is { } text && IPAddress.TryParse(text, out var address) && IPAddress.IsLoopback(address)
                ? address.ToString()
                : ExplicitProxySettings.Loopback;
    }

    /// <summary>Drops what the mesh has no use for, so that it is not kept for each of many pods.</summary>
    public static void Trim(V1Pod pod)
    {
        pod.Metadata.Annotations = pod.Metadata.Annotations?.Where(a => ReadAnnotations.Contains(a.Key)).ToDictionary();
        if (pod.Spec is not null)
        {
            pod.Spec = new V1PodSpec
            {
                ServiceAccountName = pod.Spec.ServiceAccountName,
                NodeName = pod.Spec.NodeName,
                RestartPolicy = CompletedPod.IsCandidate(pod) ? pod.Spec.RestartPolicy : null,
                Containers = Trimmed(pod.Spec.Containers),
                InitContainers = Trimmed(pod.Spec.InitContainers ?? []),
            };
        }

        if (pod.Status is { } status)
        {
            pod.Status = new V1PodStatus { Phase = status.Phase, PodIPs = status.PodIPs };
            if (pod.Metadata.Labels?.ContainsKey(MeshNames.ProxyLabel) == true)
            {
                ProxyPod.Trim(status, pod.Status);
                ApplicationContainers.Trim(pod, status, pod.Status);
            }
        }
    }

    private static string? Annotation(V1Pod pod, string name) =>
        pod.Metadata.Annotations is { } annotations && annotations.TryGetValue(name, out var value) ? value : null;

    private static List<V1Container> Trimmed(IEnumerable<V1Container> containers) =>
        [
            .. containers.Select(c => new V1Container
            {
                Name = c.Name,
                RestartPolicy = ApplicationContainers.Trim(c),
                Args = ProxyThreads.Trim(c),
                Ports = c.Ports is { Count: > 0 } ports
                    ? [.. ports.Select(p => new V1ContainerPort { ContainerPort = p.ContainerPort, Protocol = p.Protocol })]
                    : null,
            }),
        ];

    /// <summary>An endpoint without a condition is ready and serving, and is not terminating (Kubernetes' documentation of
    /// <c>EndpointConditions</c>).</summary>
    private static EndpointRecord ReadEndpoint(V1Endpoint endpoint, string ns)
    {
        var pod = endpoint.TargetRef is { Kind: "Pod" } target ? target : null;
        var isReady = endpoint.Conditions?.Ready ?? true;
        return new EndpointRecord((endpoint.Addresses ?? []).ToValueList(), isReady, pod?.Name, endpoint.Zone)
        {
            PodNamespace = pod?.NamespaceProperty is { Length: > 0 } other && other != ns ? other : null,
            Hostname = endpoint.Hostname is { Length: > 0 } hostname ? hostname : null,
            Node = endpoint.NodeName,
            ForNodes = (endpoint.Hints?.ForNodes ?? []).Select(node => node.Name).ToValueList(),
            ForZones = (endpoint.Hints?.ForZones ?? []).Select(zone => zone.Name).ToValueList(),
            IsServingTerminating = !isReady && endpoint.Conditions is { Terminating: true, Serving: not false },
        };
    }
}
