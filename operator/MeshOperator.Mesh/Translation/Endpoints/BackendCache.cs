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
    /// <summary>The namespaces of pods behind it that are in another one than the service.</summary>
    public IReadOnlyList<string> OtherNamespaces { get; init; } = [];

    /// <summary>The addresses of which the slices do not say which pod has them.</summary>
    public IReadOnlyList<string> BareAddresses { get; } =
    [.. Slices.SelectMany(slice => slice.Slice.Endpoints).Where(e => e.Pod is null && e.Addresses.Count > 0).Select(e => e.Addresses[0])];

    /// <summary>Whether it was made of these very records.</summary>
    public bool IsMadeFrom(ServiceRecord service, IReadOnlyList<(ObjectName Name, EndpointSliceRecord Slice)> slices)
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
/// <param name="Usable">The endpoints that take traffic.</param>
/// <param name="Pods">The pods behind it with their target ports, ready or not.</param>
internal sealed record PortBackends(
    ServicePortRecord Port,
    PortProtocol Protocol,
    ValueList<MeshEndpoint> Usable,
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
    /// <returns>The pods of which something was replaced, or of what they serve, or of what holds for their namespace or node.</returns>
    public IReadOnlySet<ObjectName> Update(ClusterSnapshot snapshot, EndpointIndex endpoints, SnapshotChanges changes)
    {
        var touched = new HashSet<ObjectName>(changes.Pods);
        touched.UnionWith(changes.PodsOfNamespaces(snapshot));
        touched.UnionWith(changes.PodsOfNodes(snapshot));
        var suspects = changes.Pods.SelectMany(Served.GetServices).ToHashSet();
        foreach (var (name, service) in snapshot.Services)
        {
            var slices = endpoints.FindSlices(name);
            var known = Get(name);
            if (known.OtherNamespaces.Count > 0 && changes.ReachWorkloadsIn(name.Namespace))
                touched.UnionWith(known.Ports.SelectMany(port => port.Pods).Select(pod => pod.Pod));
            if (known.IsMadeFrom(service, slices) && !suspects.Contains(name) && !IsReached(name, known, changes))
                continue;
            Set(name, known, Create(name, service, slices, endpoints), touched);
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

    /// <summary>Whether something else was replaced on which a service's endpoints depend.</summary>
    private static bool IsReached(ObjectName name, ServiceBackends known, SnapshotChanges changes) =>
        changes.ReachEndpointsIn(name.Namespace)
        || known.OtherNamespaces.Any(changes.ReachEndpointsIn)
        || known.BareAddresses.Any(changes.PodAddresses.Contains);

    private static ServiceBackends Create(
        ObjectName name,
        ServiceRecord service,
        IReadOnlyList<(ObjectName Name, EndpointSliceRecord Slice)> slices,
        EndpointIndex endpoints
    )
    {
        var ports = Ports(name, service, endpoints);
        return new ServiceBackends(service, slices, ports)
        {
            OtherNamespaces =
            [
                .. ports.SelectMany(port => port.Pods).Select(pod => pod.Pod.Namespace).Where(ns => ns != name.Namespace).Distinct(),
            ],
        };
    }

    private static ValueList<PortBackends> Ports(ObjectName name, ServiceRecord service, EndpointIndex endpoints) =>
        service.IsExternalName
            ? []
            : service
                .Ports.Select(port => new PortBackends(
                    port,
                    ProtocolDetection.Detect(port),
                    endpoints.FindUsable(name, service, port),
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
