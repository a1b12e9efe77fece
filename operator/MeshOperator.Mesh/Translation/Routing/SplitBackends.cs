using System.Globalization;
using MeshOperator.Api;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation.Policies;
using MeshOperator.Mesh.Translation.Ports;
using MeshOperator.Mesh.Translation.Verdicts;

namespace MeshOperator.Mesh.Translation.Routing;

/// <summary>A port of a service whose traffic is split.</summary>
/// <param name="Name">The service's name.</param>
/// <param name="Service">The service.</param>
/// <param name="Port">The port.</param>
/// <param name="Protocol">How its bytes are understood.</param>
internal sealed record RootPort(ObjectName Name, ServiceRecord Service, ServicePortRecord Port, PortProtocol Protocol);

/// <summary>Finds the ports of a split's backends.</summary>
internal sealed class SplitBackends(ClusterSnapshot snapshot)
{
    /// <summary>Whether a split holds for a port of its service. One without a port leaves ports alone that none of its backends has, as it
    /// was hardly meant for them; when its backends have none at all it holds for all, and says so.</summary>
    public bool Holds(ActivePolicy<TrafficSplitSpec> split, ObjectName name, ServiceRecord service, ServicePortRecord port)
    {
        if (split.Spec.Port is not null || service.Ports.Count == 1)
            return true;
        return SomeHave(port) || !service.Ports.Any(SomeHave);

        bool SomeHave(ServicePortRecord root) =>
            TrafficSplitDefaults
                .ResolveBackends(split.Spec)
                .Any(backend =>
                    snapshot.Services.TryGetValue(new ObjectName(name.Namespace, backend.Service), out var found)
                    && !found.IsExternalName
                    && FindPort(found, backend.Port, root, orOnlyOne: false) is not null
                );
    }

    /// <summary>The backends with their ports. Those that are missing are left out where others take their share.</summary>
    /// <param name="split">The split.</param>
    /// <param name="backends">Its backends, or those of a rule.</param>
    /// <param name="weights">Their shares.</param>
    /// <param name="field">The field that lists them.</param>
    /// <param name="root">The port whose traffic is split.</param>
    public Found<ValueList<WeightedBackend>> Resolve(
        ActivePolicy<TrafficSplitSpec> split,
        List<TrafficSplitBackend> backends,
        IReadOnlyList<int> weights,
        string field,
        RootPort root
    )
    {
        var findings = new List<PolicyFinding>();
        var resolved = new List<WeightedBackend>();
        for (var i = 0; i < backends.Count; i++)
        {
            var (backend, found) = Resolve(
                split,
                backends[i].Service,
                backends[i].Port,
                string.Create(CultureInfo.InvariantCulture, $"{field}[{i}]"),
                root
            );
            resolved.Add(new WeightedBackend(weights[i], backend));
            findings.AddRange(found);
        }

        if (split.Spec.OnMissingBackend == OnMissingBackend.Redistribute && resolved.Exists(b => b is { Target: not null, Weight: > 0 }))
            resolved.RemoveAll(b => b.Target is null);
        return new Found<ValueList<WeightedBackend>>(resolved.ToValueList(), findings);
    }

    /// <summary>Where copies of requests go; null when there are none or the service is missing.</summary>
    public Found<MirrorTarget?> Resolve(ActivePolicy<TrafficSplitSpec> split, RequestMirror? mirror, string field, RootPort root)
    {
        if (mirror is null)
            return new Found<MirrorTarget?>(null, []);
        var (backend, findings) = Resolve(split, mirror.Service, mirror.Port, field, root);
        return new Found<MirrorTarget?>(backend is BackendTarget target ? new MirrorTarget(target, mirror.Percent) : null, findings);
    }

    /// <summary>Finds out whether clients cannot be kept at one endpoint of all backends, as those have no protocol in common.</summary>
    public IEnumerable<PolicyFinding> FindUnsticky(ActivePolicy<TrafficSplitSpec> split, HttpRoute route, string field, RootPort root)
    {
        if (route.Sticky is null || root.Protocol == PortProtocol.Tcp)
            return [];
        var targets = StickyPools.Targets(route);
        if (targets.Count < 2 || targets.Find(target => !StickyPools.Fits(root.Protocol, GetProtocol(target))) is not { } other)
            return [];
        var message = SplitMessages.StickyAcrossProtocols(
            field,
            (other.Service.Name, other.Port, GetProtocol(other)),
            (root.Name.Name, root.Port.Port, root.Protocol)
        );
        return [new Unresolved(split.Key, ConditionReasons.UnsupportedProtocol, message)];
    }

    private PortProtocol GetProtocol(BackendTarget target) =>
        ProtocolDetection.Detect(
            snapshot.Services[new ObjectName(target.Service.Namespace, target.Service.Name)].Ports.First(p => p.Port == target.Port)
        );

    private Found<Backend> Resolve(ActivePolicy<TrafficSplitSpec> split, string backend, int? backendPort, string field, RootPort root)
    {
        var (ns, called) = (root.Name.Namespace, (root.Name.Name, root.Port.Port));
        if (!snapshot.Services.TryGetValue(new ObjectName(ns, backend), out var service))
            return Missing(
                MissingReason.ServiceNotFound,
                ConditionReasons.BackendNotFound,
                SplitMessages.BackendNotFound(field, backend, ns)
            );
        if (service.IsExternalName)
            return Missing(
                MissingReason.ExternalName,
                ConditionReasons.BackendNotFound,
                SplitMessages.BackendIsExternalName(field, backend)
            );

        // Of several ports, all but one would be sent to a port that has nothing to do with them.
        if (
            FindPort(service, backendPort, root.Port, orOnlyOne: split.Spec.Port is not null || root.Service.Ports.Count == 1)
            is not { } port
        )
        {
            var wanted = backendPort ?? root.Port.Port;
            var ports = PortTexts.Numbers(snapshot, new ObjectName(ns, backend), service, wanted);
            return Missing(
                MissingReason.PortNotFound,
                ConditionReasons.PortNotFound,
                SplitMessages.PortNotFound(field, (backend, wanted), ports, Advise(split, backendPort, root))
            );
        }

        var target = new BackendTarget(new ServiceName(ns, backend), port.Port);
        // Bytes are bytes, but a server of another protocol would be sent requests.
        return root.Protocol != PortProtocol.Tcp && ProtocolDetection.Detect(port) == PortProtocol.Tcp
            ? new Found<Backend>(
                target,
                [
                    new Unresolved(
                        split.Key,
                        ConditionReasons.UnsupportedProtocol,
                        SplitMessages.BackendIsTcp(field, (backend, port.Port), called)
                    ),
                ]
            )
            : new Found<Backend>(target, []);

        Found<Backend> Missing(MissingReason why, string reason, string message) =>
            new(new MissingBackend(why), [new Unresolved(split.Key, reason, message)]);
    }

    private static string Advise(ActivePolicy<TrafficSplitSpec> split, int? backendPort, RootPort root)
    {
        if (backendPort is not null)
            return string.Empty;
        return split.Spec.Port is null && root.Service.Ports.Count > 1
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"; set the backend's port, or set spec.port if the split is not for port {root.Port.Port}"
            )
            : "; set the backend's port";
    }

    /// <summary>The named port of a backend, else the one with the number or name of the port that was called.</summary>
    private static ServicePortRecord? FindPort(ServiceRecord backend, int? named, ServicePortRecord root, bool orOnlyOne) =>
        named is not null
            ? backend.Ports.FirstOrDefault(p => p.Port == named)
            : backend.Ports.FirstOrDefault(p => p.Port == root.Port)
                ?? (root.Name.Length > 0 ? backend.Ports.FirstOrDefault(p => p.Name == root.Name) : null)
                ?? (orOnlyOne && backend.Ports.Count == 1 ? backend.Ports[0] : null);
}
