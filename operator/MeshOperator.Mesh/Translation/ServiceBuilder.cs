using System.Collections.Immutable;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Mesh.Translation;

/// <summary>Makes the services of the model from what stands behind them and from their routes.</summary>
internal sealed class ServiceBuilder
{
    /// <summary>Services of which no policy speaks, with what they were made of.</summary>
    private readonly Dictionary<ObjectName, (ServiceBackends Backends, MeshService Service)> _plain = [];

    /// <summary>The services of a snapshot.</summary>
    /// <param name="snapshot">The snapshot.</param>
    /// <param name="backends">What stands behind services.</param>
    /// <param name="routing">What policies say of them.</param>
    /// <param name="before">The services of the snapshot before.</param>
    public ImmutableSortedDictionary<ServiceName, MeshService> Of(
        ClusterSnapshot snapshot, BackendMemory backends, ServiceRouting routing, ImmutableSortedDictionary<ServiceName, MeshService> before)
    {
        var routed = new Dictionary<BackendTarget, MeshServicePort>();
        var kept = new Dictionary<ObjectName, MeshService>();
        foreach (var (name, service) in snapshot.Services)
        {
            var own = backends.Of(name);
            if (_plain.TryGetValue(name, out var known) && ReferenceEquals(known.Backends, own) && routing.IsPlain(name))
            {
                kept.Add(name, known.Service);
                foreach (var port in known.Service.Ports) routed.Add(new BackendTarget(port.Service, port.Port), port);
                continue;
            }

            foreach (var (port, protocol, ready, _) in own.Ports)
            {
                var model = routing.Route(name, service, port, protocol) with { Endpoints = ready };
                routed.Add(new BackendTarget(model.Service, port.Port), model);
            }
        }

        // Connections and pools come from what was found of all ports.
        var services = before.ToBuilder();
        var callable = 0;
        foreach (var (name, service) in snapshot.Services)
        {
            if (!IsCallable(service)) continue;
            callable++;
            var serviceName = new ServiceName(name.Namespace, name.Name);
            var old = before.GetValueOrDefault(serviceName);
            var result = kept.TryGetValue(name, out var same) && !routing.IsReached(same) ? same : Finish(serviceName, service, routing, routed, old);
            if (!ReferenceEquals(result, old)) services[serviceName] = result;
            if (same is null && routing.IsPlain(name) && !routing.IsReached(result)) _plain[name] = (backends.Of(name), result);
        }

        if (services.Count > callable) Forget(services, snapshot.Services);
        return services.ToImmutable();
    }

    private static bool IsCallable(ServiceRecord service) => !service.IsExternalName && service.Ports.Count > 0;

    /// <summary>The service with everything. Parts that are equal to those of <paramref name="before"/> are the same objects.</summary>
    private static MeshService Finish(
        ServiceName name, ServiceRecord service, ServiceRouting routing, Dictionary<BackendTarget, MeshServicePort> routed, MeshService? before)
    {
        var ports = service.Ports
            .Select(port => routing.WithConnection(StickyPools.Add(routed[new BackendTarget(name, port.Port)], routed), port.Name))
            .Select(port => before?.Ports.FirstOrDefault(port.Equals) ?? port)
            .OrderBy(port => port.Port)
            .ToList();
        return before is not null && ports.SequenceEqual(before.Ports) ? before : new MeshService(name, ports.ToValueList());
    }

    private void Forget(ImmutableSortedDictionary<ServiceName, MeshService>.Builder services, ImmutableDictionary<ObjectName, ServiceRecord> there)
    {
        foreach (var gone in services.Keys.Where(name => !there.TryGetValue(new ObjectName(name.Namespace, name.Name), out var service) || !IsCallable(service)).ToList())
        {
            services.Remove(gone);
            _plain.Remove(new ObjectName(gone.Namespace, gone.Name));
        }
    }
}
