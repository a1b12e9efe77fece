using MeshOperator.Mesh.Model;

namespace MeshOperator.Xds.Translation.Outbound;

/// <summary>By which names services are known to those who resolve them as pods do.</summary>
internal sealed class MeshNaming(MeshModel model)
{
    private readonly ILookup<ServiceName, ServiceName> _aliases = model.Aliases.ToLookup(alias => alias.Value, alias => alias.Key);

    /// <summary>The names of a service, with those of services that are only other names for it.</summary>
    /// <param name="service">The service.</param>
    /// <param name="ns">The namespace in which a service may be called by its name alone.</param>
    public IEnumerable<string> FindNames(ServiceName service, string ns) =>
        _aliases[service].Prepend(service).SelectMany(name => FindOwnNames(name, ns));

    /// <summary>The names of a pod that has a host name within a headless service. Other names of the service have none for its
    /// pods.</summary>
    /// <param name="hostname">The pod's host name.</param>
    /// <param name="service">The service.</param>
    /// <param name="ns">The namespace in which the service may be called by its name alone.</param>
    public IEnumerable<string> FindPodNames(string hostname, ServiceName service, string ns) =>
        FindOwnNames(service, ns).Select(name => $"{hostname}.{name}");

    /// <summary>A name with a final dot is not looked up in other domains, which is why some write it so.</summary>
    private IEnumerable<string> FindOwnNames(ServiceName name, string ns)
    {
        if (name.Namespace == ns)
            yield return name.Name;
        yield return name.ToString();
        yield return $"{name}.svc";
        yield return $"{name}.svc.{model.ClusterDomain}";
        yield return $"{name}.svc.{model.ClusterDomain}.";
    }
}
