using System.Globalization;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation.Ports;
using MeshOperator.Mesh.Translation.Quarantining;
using MeshOperator.Output;

namespace MeshOperator.Statuses;

/// <summary>Finds what of Services the mesh does not know, or cannot do everywhere.</summary>
internal static class ServiceNotices
{
    /// <summary>A port declares a protocol that the mesh does not know.</summary>
    public const string UnknownAppProtocol = "UnknownAppProtocol";

    /// <summary>Clients of a node are sent to endpoints on it only, and there is none.</summary>
    public const string NoEndpointOnNode = "NoEndpointOnNode";

    /// <summary>What is to be said of the Services of a cluster.</summary>
    public static IEnumerable<ObjectNotice> Find(ClusterSnapshot snapshot, MeshModel model)
    {
        ArgumentNullException.ThrowIfNull(snapshot);
        ArgumentNullException.ThrowIfNull(model);
        return snapshot.Services.SelectMany(service => FindProtocols(service.Key, service.Value)).Concat(FindNodes(model));
    }

    private static IEnumerable<ObjectNotice> FindProtocols(ObjectName name, ServiceRecord service) =>
        service
            .Ports.Where(port => port.AppProtocol is { Length: > 0 } declared && !ProtocolDetection.IsKnown(declared))
            .Select(port => new ObjectNotice(
                Suspect.Service,
                name,
                UnknownAppProtocol,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"spec.ports: port {port.Port} has the appProtocol '{port.AppProtocol}', which the mesh does not know, so its "
                        + $"bytes pass as TCP. If it carries HTTP, use http, http2, grpc or kubernetes.io/h2c; else use tcp."
                )
            ));

    private static IEnumerable<ObjectNotice> FindNodes(MeshModel model)
    {
        var local = model.Services.Values.Where(service => service.Ports.Any(port => port.StaysOnNode)).ToList();
        if (local.Count == 0)
            yield break;
        foreach (var service in local)
        {
            var callers = model
                .Workloads.Values.Where(workload => workload.Scope?.Contains(service.Name) != false)
                .Select(workload => workload.Place.Node)
                .OfType<string>()
                .ToHashSet(StringComparer.Ordinal);
            foreach (var port in service.Ports.Where(port => port.StaysOnNode))
            {
                var served = port.Endpoints.SelectMany(endpoint => endpoint.Nodes).ToHashSet(StringComparer.Ordinal);
                var missing = callers.Where(node => !served.Contains(node)).Order(StringComparer.Ordinal).ToList();
                if (missing.Count > 0)
                    yield return new ObjectNotice(
                        Suspect.Service,
                        new ObjectName(service.Name.Namespace, service.Name.Name),
                        NoEndpointOnNode,
                        Describe(port.Port, missing)
                    );
            }
        }
    }

    private static string Describe(int port, List<string> nodes)
    {
        return string.Create(
            CultureInfo.InvariantCulture,
            $"spec.internalTrafficPolicy is Local, and port {port} has no ready endpoint on {Names.Join(nodes)}. "
                + $"Pods of the mesh that call it there get 503, or a closed connection. Run a pod of the service on each node, or "
                + $"use Cluster."
        );
    }
}
