using System.Collections.Immutable;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Mesh.Translation.Routing;

/// <summary>Finds the services of the type ExternalName that name a service of the mesh. Names of other hosts stay as they are.</summary>
internal static class ServiceAliases
{
    public static ImmutableSortedDictionary<ServiceName, ServiceName> Find(
        ClusterSnapshot snapshot,
        ImmutableSortedDictionary<ServiceName, MeshService> services
    ) =>
        snapshot
            .Services.Where(service => service.Value.ExternalName is not null)
            .Select(service => (Alias: ToName(service.Key), Target: Parse(service.Value.ExternalName!, snapshot.ClusterDomain)))
            .Where(alias => alias.Target is { } target && services.ContainsKey(target))
            .ToImmutableSortedDictionary(alias => alias.Alias, alias => alias.Target!.Value);

    private static ServiceName ToName(ObjectName name) => new(name.Namespace, name.Name);

    /// <summary>The service of a name such as <c>web.shop.svc.cluster.local</c>; null for one that is none.</summary>
    private static ServiceName? Parse(string host, string clusterDomain)
    {
        var name = host.TrimEnd('.');
        var suffix = $".svc.{clusterDomain}";
        return
            name.EndsWith(suffix, StringComparison.OrdinalIgnoreCase)
            && name[..^suffix.Length].Split('.') is [{ Length: > 0 } service, { Length: > 0 } ns]
            ? new ServiceName(ns, service)
            : null;
    }
}
