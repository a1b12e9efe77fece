using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation.Endpoints;

namespace MeshOperator.Mesh.Translation.Routing;

/// <summary>Remembers the services that no policy names, with what they were made of: as long as that is the same, so are they.</summary>
internal sealed class PlainServices
{
    private readonly Dictionary<ObjectName, (ServiceBackends Backends, MeshService Service)> _services = [];

    /// <summary>The service, if it was made of these very backends; else null.</summary>
    public MeshService? Find(ObjectName name, ServiceBackends backends) =>
        _services.TryGetValue(name, out var known) && ReferenceEquals(known.Backends, backends) ? known.Service : null;

    public void Remember(ObjectName name, ServiceBackends backends, MeshService service) => _services[name] = (backends, service);

    public void Forget(ObjectName name) => _services.Remove(name);
}
