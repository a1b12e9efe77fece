using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation.Changes;
using MeshOperator.Mesh.Translation.Ports;

namespace MeshOperator.Mesh.Translation.Endpoints;

/// <summary>What stands behind a service.</summary>
/// <param name="Service">The service of which it was made.</param>
/// <param name="Slices">The slices of which it was made, by name.</param>
/// <param name="Ports">What stands behind each of its ports; nothing for a name of another host.</param>
internal sealed record ServiceBackends(
    ServiceRecord Service,
    IReadOnlyList<(ObjectName Name, EndpointSliceRecord Slice)> Slices,
    ValueList<PortBackends> Ports
)
{
    /// <summary>Whether it was made of these very records.</summary>
    public bool IsMadeOf(ServiceRecord service, IReadOnlyList<(ObjectName Name, EndpointSliceRecord Slice)> slices)
    {
        if (!ReferenceEquals(Service, service) || Slices.Count != slices.Count)
            return false;
        for (var i = 0; i < slices.Count; i++)
        {
            if (!ReferenceEquals(Slices[i].Slice, slices[i].Slice))
                return false;
        }

        return true;
    }
}

/// <summary>What stands behind a service's port.</summary>
/// <param name="Port">The port.</param>
/// <param name="Protocol">How its bytes are understood.</param>
/// <param name="Ready">The endpoints that take traffic.</param>
/// <param name="Pods">The pods behind it with their target ports, ready or not.</param>
internal sealed record PortBackends(
    ServicePortRecord Port,
    PortProtocol Protocol,
    ValueList<MeshEndpoint> Ready,
    ValueList<(ObjectName Pod, int Target)> Pods
);

/// <summary>What stands behind services, remembered from one snapshot to the next.</summary>
internal sealed class BackendCache
{
    private static readonly ServiceBackends Nothing = new(new ServiceRecord([], [], IsExternalName: true), [], []);
    private readonly Dictionary<ObjectName, ServiceBackends> _services = [];

    /// <summary>Grows with each service behind which something was replaced.</summary>
    public long Revision { get; private set; }

    /// <summary>The ports on which pods serve.</summary>
    public ServedPorts Served { get; } = new();

    public ServiceBackends Get(ObjectName service) => _services.GetValueOrDefault(service, Nothing);

    /// <summary>Rebuilds what depends on something that was replaced.</summary>
    /// <returns>The pods of which something was replaced, or of what they serve, or of what holds for their namespace.</returns>
    public IReadOnlySet<ObjectName> Update(ClusterSnapshot snapshot, EndpointIndex endpoints, SnapshotChanges changes)
    {
        var touched = new HashSet<ObjectName>(changes.Pods);
        touched.UnionWith(changes.PodsOfNamespaces(snapshot));
        var suspects = changes.Pods.SelectMany(Served.GetServices).ToHashSet();
        foreach (var (name, service) in snapshot.Services)
        {
            var slices = endpoints.FindSlices(name);
            var known = Get(name);
            if (!changes.ReachEndpointsOf(name.Namespace) && known.IsMadeOf(service, slices) && !suspects.Contains(name))
                continue;
            Set(name, known, new ServiceBackends(service, slices, Ports(name, service, endpoints)), touched);
        }

        if (_services.Count > snapshot.Services.Count)
        {
            foreach (var gone in _services.Keys.Where(name => !snapshot.Services.ContainsKey(name)).ToList())
            {
                Set(gone, _services[gone], Nothing, touched);
                _services.Remove(gone);
            }
        }

        return touched;
    }

    private static ValueList<PortBackends> Ports(ObjectName name, ServiceRecord service, EndpointIndex endpoints) =>
        service.IsExternalName
            ? []
            : service
                .Ports.Select(port => new PortBackends(
                    port,
                    ProtocolDetection.Detect(port),
                    endpoints.FindReady(name, service, port),
                    endpoints.FindPods(name, port).ToValueList()
                ))
                .ToValueList();

    private void Set(ObjectName name, ServiceBackends before, ServiceBackends after, HashSet<ObjectName> touched)
    {
        _services[name] = after;
        if (ReferenceEquals(before.Service, after.Service) && before.Ports.Equals(after.Ports))
            return;
        Revision++;

        // An endpoint that becomes ready or not changes nothing of what its pod serves.
        if (before.Ports.Select(Serving).SequenceEqual(after.Ports.Select(Serving)))
            return;
        foreach (var (pod, _) in before.Ports.SelectMany(port => port.Pods))
        {
            Served.Remove(pod, name);
            touched.Add(pod);
        }

        foreach (var port in after.Ports)
        {
            foreach (var (pod, target) in port.Pods)
            {
                Served.Add(pod, new ServedTarget(name, port.Port.Name, port.Protocol, target));
                touched.Add(pod);
            }
        }

        static (string, PortProtocol, ValueList<(ObjectName, int)>) Serving(PortBackends port) =>
            (port.Port.Name, port.Protocol, port.Pods);
    }
}
