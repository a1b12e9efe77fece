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

    public EndpointIndex(ClusterSnapshot snapshot, MtlsPolicyIndex modes)
    {
        _snapshot = snapshot;
        _modes = modes;
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

    /// <summary>The ready endpoints of a service's port, ordered by address and port, each once. Of a pod with addresses of both IP
    /// families there are two in different slices; it is one endpoint, at the address of the service's first family.</summary>
    public ValueList<MeshEndpoint> FindReady(ObjectName name, ServiceRecord service, ServicePortRecord port)
    {
        if (!_slices.TryGetValue(name, out var slices))
            return [];
        var endpoints = new Dictionary<(string Address, int Port), (string? Pod, MeshEndpoint Endpoint)>();
        foreach (var (_, slice) in slices)
        {
            foreach (var target in slice.Ports)
            {
                if (target.Name != port.Name)
                    continue;
                foreach (var endpoint in slice.Endpoints)
                {
                    if (!endpoint.IsReady || endpoint.Addresses.Count == 0)
                        continue;
                    var address = endpoint.Addresses[0];
                    endpoints.TryAdd((address, target.Port), (endpoint.Pod, Read(name.Namespace, endpoint, address, target.Port)));
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
                    if (endpoint.Pod is { } pod)
                        yield return (new ObjectName(service.Namespace, pod), target.Port);
                }
            }
        }
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

    private static IEnumerable<MeshEndpoint> Merge(IEnumerable<(string? Pod, MeshEndpoint Endpoint)> endpoints, bool prefersIpv6)
    {
        // What has no pod is an endpoint for itself.
        foreach (var same in endpoints.GroupBy(e => (e.Pod ?? e.Endpoint.Address, e.Endpoint.Port)))
        {
            var main = same.FirstOrDefault(e => IpFamily.IsIpv6(e.Endpoint.Address) == prefersIpv6).Endpoint ?? same.First().Endpoint;
            var other = same.FirstOrDefault(e => IpFamily.IsIpv6(e.Endpoint.Address) != IpFamily.IsIpv6(main.Address)).Endpoint;
            yield return main with
            {
                OtherAddress = other?.Address,
            };
        }
    }

    private MeshEndpoint Read(string ns, EndpointRecord endpoint, string address, int port)
    {
        if (endpoint.Pod is null || !_snapshot.Pods.TryGetValue(new ObjectName(ns, endpoint.Pod), out var pod) || !pod.HasProxy)
            return new MeshEndpoint(address, port, null, endpoint.Zone);
        var takesMtls = !pod.IsDirect(port) && _modes.Find(ns, pod)?.GetMode(port) != MtlsMode.Disabled;
        return new MeshEndpoint(
            address,
            port,
            takesMtls ? Spiffe.Identity(_snapshot.TrustDomain, ns, pod.ServiceAccount) : null,
            endpoint.Zone
        )
        {
            Workload = new WorkloadName(ns, endpoint.Pod),
        };
    }
}
