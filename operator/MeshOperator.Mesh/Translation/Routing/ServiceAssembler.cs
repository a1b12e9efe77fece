using System.Collections.Immutable;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation.Endpoints;
using MeshOperator.Mesh.Translation.Policies;

namespace MeshOperator.Mesh.Translation.Routing;

/// <summary>The services of the model.</summary>
/// <param name="Services">The services.</param>
/// <param name="ConnectionPolicies">The RetryPolicies whose budget or timeouts of connections hold somewhere.</param>
internal sealed record ServiceSet(ImmutableSortedDictionary<ServiceName, MeshService> Services, IReadOnlySet<PolicyKey> ConnectionPolicies);

/// <summary>Makes the services of the model from what is planned for their ports: adds pools, how connections are kept and
/// how endpoints are chosen.</summary>
internal static class ServiceAssembler
{
    /// <summary>Makes the services. Those that are equal to the ones before are the same objects.</summary>
    /// <param name="snapshot">The cluster.</param>
    /// <param name="policies">Its policies.</param>
    /// <param name="plan">Where requests go.</param>
    /// <param name="backends">What stands behind services.</param>
    /// <param name="plain">The services that no policy names; what is made here is remembered there.</param>
    /// <param name="before">The services of the snapshot before.</param>
    public static ServiceSet Assemble(
        ClusterSnapshot snapshot,
        PolicyIndexes policies,
        RoutePlan plan,
        BackendCache backends,
        PlainServices plain,
        ImmutableSortedDictionary<ServiceName, MeshService> before
    )
    {
        var services = before.ToBuilder();
        var connections = new HashSet<PolicyKey>();
        var balancing = new PortBalancing(snapshot, policies.Balancing, plan.Callers.Balancing);
        var callable = 0;
        foreach (var (name, service) in snapshot.Services)
        {
            if (!IsCallable(service))
                continue;
            callable++;
            var serviceName = new ServiceName(name.Namespace, name.Name);
            var old = before.GetValueOrDefault(serviceName);
            var isKept = plan.Kept.TryGetValue(name, out var same) && !plan.Callers.ArriveAt(same);
            var result = isKept ? same! : Assemble(serviceName, service, policies, plan, balancing, old, connections);
            if (!ReferenceEquals(result, old))
                services[serviceName] = result;
            if (same is null && !policies.NamedServices.Contains(name) && !plan.Callers.ArriveAt(result))
                plain.Remember(name, backends.Get(name), result);
        }

        if (services.Count > callable)
            Forget(services, plain, snapshot.Services);
        return new ServiceSet(services.ToImmutable(), connections);
    }

    private static bool IsCallable(ServiceRecord service) => !service.IsExternalName && service.Ports.Count > 0;

    private static MeshService Assemble(
        ServiceName name,
        ServiceRecord service,
        PolicyIndexes policies,
        RoutePlan plan,
        PortBalancing balancing,
        MeshService? before,
        HashSet<PolicyKey> connections
    )
    {
        var ports = service
            .Ports.Select(port =>
                balancing.Add(
                    AddConnection(
                        StickyPools.Add(plan.Ports[new BackendTarget(name, port.Port)], plan.Ports),
                        port.Name,
                        policies,
                        plan.Callers,
                        connections
                    )
                )
            )
            .Select(port => before?.Ports.FirstOrDefault(port.Equals) ?? port)
            .OrderBy(port => port.Port)
            .ToList();
        return before is not null && ports.SequenceEqual(before.Ports) ? before : new MeshService(name, ports.ToValueList());
    }

    /// <summary>The port with how connections to it are kept, and which requests are counted apart. A policy on the port
    /// itself comes first; else that of a service whose split sends requests there, as those arrive over this port's
    /// connections.</summary>
    private static MeshServicePort AddConnection(
        MeshServicePort port,
        string portName,
        PolicyIndexes policies,
        CallerPolicies callers,
        HashSet<PolicyKey> connections
    )
    {
        var service = new ObjectName(port.Service.Namespace, port.Service.Name);
        var self = new BackendTarget(port.Service, port.Port);
        if (callers.Shifts.TryGetValue(self, out var shifts))
            port = port with { Shifts = shifts.Values.ToValueList() };
        if (callers.Mirrors.Contains(self))
            port = port with { IsMirror = true };
        var retry = policies.Retries.FindForPort(service, portName) ?? callers.Retries.GetValueOrDefault(self);
        var breaker = policies.Breakers.FindForPort(service, portName) ?? callers.Breakers.GetValueOrDefault(self);
        if (retry is null && breaker is null)
            return port;
        if (retry is { NamesConnection: true })
            connections.Add(retry.Key);

        var connection = (retry?.Connection ?? ConnectionSettings.Default) with { Breaker = breaker?.Settings };
        // A proxy knows a number or a budget; what was named wins over a default.
        if (breaker?.Settings.MaxRetries is not null && retry is not { NamesBudget: true })
            connection = connection with { Budget = null };
        return port with
        {
            Connection = connection,
            ClusterPolicies = new PolicyKey?[] { breaker?.Key, retry?.Key }
                .OfType<PolicyKey>()
                .ToValueList(),
        };
    }

    private static void Forget(
        ImmutableSortedDictionary<ServiceName, MeshService>.Builder services,
        PlainServices plain,
        ImmutableDictionary<ObjectName, ServiceRecord> there
    )
    {
        foreach (
            var gone in services
                .Keys.Where(name => !there.TryGetValue(new ObjectName(name.Namespace, name.Name), out var service) || !IsCallable(service))
                .ToList()
        )
        {
            services.Remove(gone);
            plain.Forget(new ObjectName(gone.Namespace, gone.Name));
        }
    }
}
