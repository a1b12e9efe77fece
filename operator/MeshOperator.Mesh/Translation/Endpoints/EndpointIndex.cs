using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation.Policies;

namespace MeshOperator.Mesh.Translation.Endpoints;

/// <summary>The endpoints of each service and the served ports of each pod, from slices and pods.</summary>
internal sealed class EndpointIndex
{
    private readonly Dictionary<ObjectName, List<(ObjectName Name, EndpointSliceRecord Slice)>> _slices = [];
    private readonly ClusterSnapshot _snapshot;
    private readonly MtlsPolicyIndex _modes;
    private readonly Lazy<Dictionary<string, ObjectName>> _byAddress;

    public EndpointIndex(ClusterSnapshot snapshot, MtlsPolicyIndex modes)
    {
        _snapshot = snapshot;
        _modes = modes;
        _byAddress = new Lazy<Dictionary<string, ObjectName>>(() => FindAddresses(snapshot));
        foreach (var (name, slice) in snapshot.EndpointSlices)
        {
            var service = new ObjectName(name.Namespace, slice.Service);
            if (!_slices.TryGetValue(service, out var list))
                _slices[service] = list = [];
            list.Add((name, slice));
        }

        // An endpoint can stand in two slices while it is moved from one to the other: which one counts must not be up to chance.
        foreach (var list in _slices.Values)
            list.Sort((a, b) => a.Name.CompareTo(b.Name));
    }

    /// <summary>The slices of a service, by name.</summary>
    public IReadOnlyList<(ObjectName Name, EndpointSliceRecord Slice)> FindSlices(ObjectName service) =>
        _slices.TryGetValue(service, out var slices) ? slices : [];

    /// <summary>The endpoints of a service's port that take traffic, ordered by address and port, each once: those that are ready, or
    /// where there are none those that are ending but still answer, as kube-proxy does it. Clients of a headless service choose
    /// themselves and may have chosen one before it began to end, so there it stays. Of a pod with addresses of both IP families there
    /// are two in different slices; it is one endpoint, at the address of the service's first family.</summary>
    public ValueList<MeshEndpoint> FindUsable(ObjectName name, ServiceRecord service, ServicePortRecord port)
    {
        if (service is { StaysOnNode: true, IsHeadless: false })
            return FindOnNodes(name, service, port);
        var ready = Find(name, service, port, endpoint => endpoint.IsReady, service.IsHeadless ? Anywhere : ForItsHints);
        if (ready.Count > 0 && !service.IsHeadless)
            return KeepWholeHints(ready);
        var ending = FindEnding(name, service, port);
        return ready.Count == 0 ? ending : Union(ready, ending.Select(endpoint => endpoint with { IsDraining = true }));
    }

    /// <summary>The endpoints of each node for itself, again those that are ending only where none on the node is ready.</summary>
    private ValueList<MeshEndpoint> FindOnNodes(ObjectName name, ServiceRecord service, ServicePortRecord port)
    {
        var ready = Find(name, service, port, endpoint => endpoint.IsReady, OnItsNode);
        var served = ready.SelectMany(endpoint => endpoint.Nodes).ToHashSet(StringComparer.Ordinal);
        return Union(
            ready,
            Find(
                name,
                service,
                port,
                endpoint => endpoint is { IsServingTerminating: true, Node: { } node } && !served.Contains(node),
                OnItsNode
            )
        );

        static MeshEndpoint OnItsNode(EndpointRecord record, MeshEndpoint endpoint) =>
            record.Node is { } node ? endpoint with { Nodes = [node] } : endpoint;
    }

    private ValueList<MeshEndpoint> FindEnding(ObjectName name, ServiceRecord service, ServicePortRecord port) =>
        Find(name, service, port, endpoint => endpoint.IsServingTerminating, Anywhere);

    private static MeshEndpoint Anywhere(EndpointRecord record, MeshEndpoint endpoint) => endpoint;

    private static MeshEndpoint ForItsHints(EndpointRecord record, MeshEndpoint endpoint) =>
        record.ForNodes.Count + record.ForZones.Count == 0 ? endpoint : endpoint with { Nodes = record.ForNodes, Zones = record.ForZones };

    /// <summary>Hints count only where every ready endpoint has one, as kube-proxy does it: else some zone could be left with too
    /// few.</summary>
    private static ValueList<MeshEndpoint> KeepWholeHints(ValueList<MeshEndpoint> ready)
    {
        var hasNodes = ready.All(endpoint => endpoint.Nodes.Count > 0);
        var hasZones = ready.All(endpoint => endpoint.Zones.Count > 0);
        return ready.All(endpoint => (hasNodes || endpoint.Nodes.Count == 0) && (hasZones || endpoint.Zones.Count == 0))
            ? ready
            : ready
                .Select(endpoint => endpoint with { Nodes = hasNodes ? endpoint.Nodes : [], Zones = hasZones ? endpoint.Zones : [] })
                .ToValueList();
    }

    private static ValueList<MeshEndpoint> Union(ValueList<MeshEndpoint> first, IEnumerable<MeshEndpoint> second) =>
        first
            .Concat(second)
            .DistinctBy(endpoint => (endpoint.Address, endpoint.Port))
            .OrderBy(endpoint => endpoint.Address, StringComparer.Ordinal)
            .ThenBy(endpoint => endpoint.Port)
            .ToValueList();

    /// <summary>Each pod that is behind a service's port, with the target port; ready or not.</summary>
    public IEnumerable<(ObjectName Pod, int Port)> FindPods(ObjectName service, ServicePortRecord port)
    {
        if (!_slices.TryGetValue(service, out var slices))
            yield break;
        foreach (var (_, slice) in slices)
        {
            foreach (var target in slice.Ports)
            {
                if (target.Name != port.Name)
                    continue;
                foreach (var endpoint in slice.Endpoints)
                {
                    if (FindPod(service.Namespace, endpoint) is { } pod)
                        yield return (pod, target.Port);
                }
            }
        }
    }

    /// <summary>The pod behind an endpoint. Where the slice does not say which, the address does, if a pod with a proxy has it.</summary>
    private ObjectName? FindPod(string ns, EndpointRecord endpoint)
    {
        if (endpoint.Pod is { } pod)
            return new ObjectName(endpoint.PodNamespace ?? ns, pod);
        return endpoint.Addresses is [var address, ..] && _byAddress.Value.TryGetValue(address, out var found) ? found : null;
    }

    private ValueList<MeshEndpoint> Find(
        ObjectName name,
        ServiceRecord service,
        ServicePortRecord port,
        Predicate<EndpointRecord> isWanted,
        Func<EndpointRecord, MeshEndpoint, MeshEndpoint> place
    )
    {
        if (!_slices.TryGetValue(name, out var slices))
            return [];
        var endpoints = new Dictionary<(string Address, int Port), (ObjectName? Pod, MeshEndpoint Endpoint)>();
        foreach (var (_, slice) in slices)
        {
            foreach (var target in slice.Ports)
            {
                if (target.Name != port.Name)
                    continue;
                foreach (var endpoint in slice.Endpoints)
                {
                    if (endpoint.Addresses.Count == 0 || !isWanted(endpoint))
                        continue;
                    var address = endpoint.Addresses[0];
                    var pod = FindPod(name.Namespace, endpoint);
                    endpoints.TryAdd((address, target.Port), (pod, place(endpoint, Read(pod, endpoint, address, target.Port))));
                }
            }
        }

        var ordered = endpoints.Values.OrderBy(e => e.Endpoint.Address, StringComparer.Ordinal).ThenBy(e => e.Endpoint.Port);
        return (
            HasBothFamilies(endpoints.Keys)
                ? Merge(ordered, IpFamily.IsIpv6(service.ClusterIps is [var first, ..] ? first : string.Empty))
                : ordered.Select(e => e.Endpoint)
        ).ToValueList();
    }

    private static bool HasBothFamilies(IEnumerable<(string Address, int Port)> endpoints)
    {
        bool v4 = false,
            v6 = false;
        foreach (var (address, _) in endpoints)
        {
            if (IpFamily.IsIpv6(address))
                v6 = true;
            else
                v4 = true;
        }

        return v4 && v6;
    }

    private static IEnumerable<MeshEndpoint> Merge(IEnumerable<(ObjectName? Pod, MeshEndpoint Endpoint)> endpoints, bool prefersIpv6)
    {
        // What has no pod is an endpoint for itself.
        foreach (var same in endpoints.GroupBy(e => (e.Pod?.ToString() ?? e.Endpoint.Address, e.Endpoint.Port)))
        {
            var main = same.FirstOrDefault(e => IpFamily.IsIpv6(e.Endpoint.Address) == prefersIpv6).Endpoint ?? same.First().Endpoint;
            var other = same.FirstOrDefault(e => IpFamily.IsIpv6(e.Endpoint.Address) != IpFamily.IsIpv6(main.Address)).Endpoint;
            yield return main with
            {
                OtherAddress = other?.Address,
            };
        }
    }

    private MeshEndpoint Read(ObjectName? name, EndpointRecord endpoint, string address, int port)
    {
        if (name is not { } known || !_snapshot.Pods.TryGetValue(known, out var pod) || !pod.HasProxy)
            return new MeshEndpoint(address, port, null, endpoint.Zone) { Hostname = endpoint.Hostname };
        var takesMtls = !pod.IsDirect(port) && _modes.Find(known.Namespace, pod)?.GetMode(port) != MtlsMode.Disabled;
        return new MeshEndpoint(
            address,
            port,
            takesMtls ? Spiffe.Identity(_snapshot.TrustDomain, known.Namespace, pod.ServiceAccount) : null,
            endpoint.Zone
        )
        {
            Workload = new WorkloadName(known.Namespace, known.Name),
            Hostname = endpoint.Hostname,
        };
    }

    /// <summary>The pods with a proxy by address. While an address passes from a pod to the next one, the first by name has it.</summary>
    private static Dictionary<string, ObjectName> FindAddresses(ClusterSnapshot snapshot)
    {
        var pods = new Dictionary<string, ObjectName>(StringComparer.Ordinal);
        foreach (var (name, pod) in snapshot.Pods.Where(pod => pod.Value.HasProxy))
        {
            foreach (var address in pod.Addresses)
            {
                if (!pods.TryGetValue(address, out var other) || name.CompareTo(other) < 0)
                    pods[address] = name;
            }
        }

        return pods;
    }
}
