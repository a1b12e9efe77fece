using System.Net;
using System.Security.Cryptography;
using MeshOperator.EndToEnd.Cluster;
using MeshOperator.EndToEnd.Node;
using MeshOperator.Kubernetes.Client;

namespace MeshOperator.EndToEnd.Clients;

/// <summary>What the cluster's DNS would answer.</summary>
internal sealed class ServiceDirectory(ClusterView view)
{
    /// <summary>The address of a service, by its short name or a longer one; for a headless service that of one of its ready
    /// endpoints.</summary>
    /// <exception cref="IOException">There is no such name.</exception>
    public IPAddress Resolve(string host, string ns)
    {
        if (IPAddress.TryParse(host, out var literal))
            return literal;
        if (host == "localhost")
            return IPAddress.Loopback;
        var parts = host.TrimEnd('.').Split('.');
        var key = new ObjectKey(parts.Length > 1 ? parts[1] : ns, parts[0]);
        if (!view.Services.Objects.TryGetValue(key, out var service))
            throw new IOException($"the name {host} is not known");
        if (IPAddress.TryParse(service.Spec.ClusterIP, out var address))
            return address;
        var endpoints = Endpoints(key).ToList();
        return endpoints.Count > 0
            ? endpoints[RandomNumberGenerator.GetInt32(endpoints.Count)]
            : throw new IOException($"{host} has no endpoints");
    }

    /// <summary>The addresses of a service's ready endpoints.</summary>
    public IEnumerable<IPAddress> Endpoints(ObjectKey service) =>
        view
            .Slices.Objects.Values.Where(s => s.Metadata.NamespaceProperty == service.Namespace && s.GetServiceName() == service.Name)
            .SelectMany(s => s.Endpoints ?? [])
            .Where(e => e.Conditions?.Ready != false)
            .SelectMany(e => e.Addresses)
            .Select(IPAddress.Parse);
}
