using System.Net;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Settings;

namespace MeshOperator.Shifts.Asking;

/// <summary>Where a check is asked: one address, which was checked.</summary>
/// <param name="Address">The address.</param>
/// <param name="Identity">The SPIFFE identity that has to answer in mutual TLS; null where there is none.</param>
internal sealed record AskRoute(IPEndPoint Address, string? Identity);

/// <summary>Finds where a check is asked. Of a Service the endpoints are taken as the mesh knows them, never an address by its
/// name.</summary>
/// <param name="Route">Where; null when it is not known.</param>
/// <param name="Unresolved">A host that is to be looked up in DNS.</param>
/// <param name="Problem">Why it cannot be asked.</param>
internal sealed record AskRouting(AskRoute? Route, string? Unresolved, string? Problem)
{
    /// <summary>Finds it.</summary>
    /// <param name="cluster">What is known of the cluster.</param>
    /// <param name="hosts">Who may be asked besides Services of the namespace.</param>
    /// <param name="ns">The namespace of the split.</param>
    /// <param name="url">What is to be asked.</param>
    /// <param name="turn">Each time another of several endpoints.</param>
    public static AskRouting Find(AskedCluster cluster, CheckHosts hosts, string ns, CheckUrl url, int turn)
    {
        if (hosts.FindRefusal(url, ns) is { } refusal)
            return Stop(refusal);
        if (IPAddress.TryParse(url.Host, out var listed))
            return To(new IPEndPoint(listed, url.Port), null);
        if (url.FindService(ns) is { } service && (service.Namespace == ns || cluster.HasService(service)))
            return FindEndpoint(cluster, ns, service, url, turn);
        return new AskRouting(null, url.Host, null);
    }

    private static AskRouting FindEndpoint(AskedCluster cluster, string ns, (string Namespace, string Name) service, CheckUrl url, int turn)
    {
        var name = new ObjectName(service.Namespace, service.Name);
        if (!cluster.Snapshot.Services.TryGetValue(name, out var record))
            return Stop($"there is no Service {name}");
        if (record.IsExternalName)
            return Stop($"the Service {name} is only a name for another host; name that, and have it listed by --shift-check-hosts");
        if (record.Ports.FirstOrDefault(port => port.Port == url.Port) is null)
            return Stop(
                FormattableString.Invariant(
                    $"the Service {name} has no port {url.Port}, but {string.Join(", ", record.Ports.Select(p => p.Port))}"
                )
            );
        // Endpoints are written by users: those of a namespace's own Service count only where a pod of the namespace is.
        var endpoints = cluster.FindEndpoints(name, url.Port).ToList();
        if (endpoints.Count == 0)
            return Stop(FormattableString.Invariant($"the Service {name} has no ready endpoints on port {url.Port}"));
        var pods = service.Namespace == ns ? cluster.FindPodAddresses(ns) : null;
        var allowed = pods is null ? endpoints : endpoints.FindAll(endpoint => pods.Contains(endpoint.Address));
        if (allowed.Count == 0)
            return Stop($"no endpoint of the Service {name} is a pod of its namespace");
        var chosen = allowed[(int)((uint)turn % allowed.Count)];
        var address = IPAddress.Parse(chosen.Address);
        return cluster.FindRefusal(address) is { } refusal ? Stop(refusal) : To(new IPEndPoint(address, chosen.Port), chosen.Identity);
    }

    private static AskRouting To(IPEndPoint address, string? identity) => new(new AskRoute(address, identity), null, null);

    private static AskRouting Stop(string problem) => new(null, null, problem);
}

/// <summary>What of the cluster decides who is asked, at one moment.</summary>
/// <param name="Snapshot">The cluster.</param>
/// <param name="Served">What proxies are served.</param>
/// <param name="Place">Where the operator runs.</param>
internal sealed record AskedCluster(ClusterSnapshot Snapshot, MeshModel Served, AskPlace Place)
{
    /// <summary>Whether there is a Service.</summary>
    public bool HasService((string Namespace, string Name) service) =>
        Snapshot.Services.ContainsKey(new ObjectName(service.Namespace, service.Name));

    /// <summary>The ready endpoints of a port.</summary>
    public IEnumerable<MeshEndpoint> FindEndpoints(ObjectName service, int port) =>
        Served.Services.TryGetValue(new ServiceName(service.Namespace, service.Name), out var known)
            ? known.Ports.Where(p => p.Port == port).SelectMany(p => p.Endpoints)
            : [];

    /// <summary>The addresses of the pods of a namespace.</summary>
    public IReadOnlySet<string> FindPodAddresses(string ns) =>
        Snapshot
            .Pods.Where(pod => pod.Key.Namespace == ns)
            .Select(pod => pod.Value.Address)
            .OfType<string>()
            .ToHashSet(StringComparer.Ordinal);

    /// <summary>Why an address may not be asked; null when it may.</summary>
    public string? FindRefusal(IPAddress address) =>
        Place.HasLocalPods && IPAddress.IsLoopback(address) ? null : FindRefusalOfHost(address);

    /// <summary>Why an address to which the name of a host leads may not be asked; null when it may.</summary>
    public string? FindRefusalOfHost(IPAddress address) =>
        AddressRules.FindRefusal(address, AddressRules.FindApiServer(Snapshot, Place.ApiServer));
}

/// <summary>Where the operator runs.</summary>
/// <param name="ApiServer">Where it reaches the API server; null when that is not known.</param>
/// <param name="HasLocalPods">Whether pods are processes of this machine, on loopback.</param>
internal sealed record AskPlace(Uri? ApiServer, bool HasLocalPods);
