using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Mesh.Translation;

/// <summary>The endpoints of each service and the served ports of each pod, from slices and pods.</summary>
internal sealed class EndpointIndex
{
    private readonly Dictionary<ObjectName, List<(ObjectName Name, EndpointSliceRecord Slice)>> _slices = [];
    private readonly ClusterSnapshot _snapshot;
    private readonly MtlsModes _modes;

    public EndpointIndex(ClusterSnapshot snapshot, MtlsModes modes)
    {
        _snapshot = snapshot;
        _modes = modes;
        foreach (var (name, slice) in snapshot.EndpointSlices)
        {
            var service = new ObjectName(name.Namespace, slice.Service);
            if (!_slices.TryGetValue(service, out var list)) _slices[service] = list = [];
            list.Add((name, slice));
        }

        // An endpoint can stand in two slices while it is moved from one to the other: which one counts must not be up to chance.
        foreach (var list in _slices.Values) list.Sort((a, b) => a.Name.CompareTo(b.Name));
    }

    /// <summary>The ready endpoints of a service's port, ordered by address and port, each once.</summary>
    public ValueList<MeshEndpoint> Ready(ObjectName service, ServicePortRecord port)
    {
        if (!_slices.TryGetValue(service, out var slices)) return [];
        var endpoints = new Dictionary<(string Address, int Port), MeshEndpoint>();
        foreach (var (_, slice) in slices)
        {
            foreach (var target in slice.Ports)
            {
                if (target.Name != port.Name) continue;
                foreach (var endpoint in slice.Endpoints)
                {
                    if (!endpoint.IsReady || endpoint.Addresses.Count == 0) continue;
                    var address = endpoint.Addresses[0];
                    endpoints.TryAdd((address, target.Port), new MeshEndpoint(address, target.Port, Identity(service.Namespace, endpoint, target.Port), endpoint.Zone));
                }
            }
        }

        return endpoints.Values.OrderBy(e => e.Address, StringComparer.Ordinal).ThenBy(e => e.Port).ToValueList();
    }

    /// <summary>Each pod that is behind a service's port, with the target port; ready or not.</summary>
    public IEnumerable<(ObjectName Pod, int Port)> Pods(ObjectName service, ServicePortRecord port)
    {
        if (!_slices.TryGetValue(service, out var slices)) yield break;
        foreach (var (_, slice) in slices)
        {
            foreach (var target in slice.Ports)
            {
                if (target.Name != port.Name) continue;
                foreach (var endpoint in slice.Endpoints)
                {
                    if (endpoint.Pod is { } pod) yield return (new ObjectName(service.Namespace, pod), target.Port);
                }
            }
        }
    }

    private string? Identity(string ns, EndpointRecord endpoint, int port)
    {
        if (endpoint.Pod is null || !_snapshot.Pods.TryGetValue(new ObjectName(ns, endpoint.Pod), out var pod) || !pod.HasProxy) return null;
        return _modes.Of(ns, pod)?.ModeOf(port) == MtlsMode.Disabled ? null : Spiffe.Identity(_snapshot.TrustDomain, ns, pod.ServiceAccount);
    }
}

/// <summary>SPIFFE identities of workloads.</summary>
public static class Spiffe
{
    /// <summary><c>spiffe://trust-domain/ns/namespace/sa/service-account</c>.</summary>
    public static string Identity(string trustDomain, string ns, string serviceAccount) => $"spiffe://{trustDomain}/ns/{ns}/sa/{serviceAccount}";
}
