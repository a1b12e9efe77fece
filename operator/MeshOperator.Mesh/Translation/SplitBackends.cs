using System.Globalization;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Mesh.Translation;

/// <summary>A port of a service whose traffic is split.</summary>
/// <param name="Name">The service's name.</param>
/// <param name="Service">The service.</param>
/// <param name="Port">The port.</param>
/// <param name="Protocol">How its bytes are understood.</param>
internal sealed record RootPort(ObjectName Name, ServiceRecord Service, ServicePortRecord Port, PortProtocol Protocol);

/// <summary>Finds the ports of a split's backends, and notes those that are missing.</summary>
internal sealed class SplitBackends(ClusterSnapshot snapshot, VerdictBuilder verdicts)
{
    /// <summary>Whether a split holds for a port of its service. One without a port leaves ports alone that none of its backends has, as it
    /// was hardly meant for them; when its backends have none at all it holds for all, and says so.</summary>
    public bool Hold(SplitIndex.Candidate split, ObjectName name, ServiceRecord service, ServicePortRecord port)
    {
        if (split.Spec.Port is not null || service.Ports.Count == 1) return true;
        return SomeHave(port) || !service.Ports.Any(SomeHave);

        bool SomeHave(ServicePortRecord root) => All(split.Spec).Any(backend =>
            snapshot.Services.TryGetValue(new ObjectName(name.Namespace, backend.Service), out var found)
            && !found.IsExternalName
            && Find(found, backend.Port, root, orOnlyOne: false) is not null);
    }

    /// <summary>The backends with their ports. Those that are missing have none, or are left out where others take their share.</summary>
    public ValueList<WeightedBackend> Resolve(SplitIndex.Candidate split, List<TrafficSplitBackend> backends, string field, RootPort root)
    {
        var resolved = backends
            .Select((b, i) => new WeightedBackend(b.Weight, Resolve(split, b.Service, b.Port, string.Create(CultureInfo.InvariantCulture, $"{field}[{i}]"), root)))
            .ToList();
        if (split.Spec.OnMissingBackend == OnMissingBackend.Redistribute && resolved.Exists(b => b is { Target: not null, Weight: > 0 }))
            resolved.RemoveAll(b => b.Target is null);
        return resolved.ToValueList();
    }

    /// <summary>Where copies of requests go; null when there are none or it is missing.</summary>
    public MirrorTarget? Resolve(SplitIndex.Candidate split, RequestMirror? mirror, string field, RootPort root)
    {
        if (mirror is null) return null;
        return Resolve(split, mirror.Service, mirror.Port, field, root) is { } target ? new MirrorTarget(target, mirror.Percent) : null;
    }

    /// <summary>Notes that clients are not kept at one endpoint of all backends, where that is wanted and they have no protocol in common.</summary>
    public void NoteSticky(SplitIndex.Candidate split, HttpRoute route, string field, RootPort root)
    {
        if (route.Sticky is null || root.Protocol == PortProtocol.Tcp) return;
        var targets = StickyPools.Targets(route);
        if (targets.Count < 2 || targets.Find(target => !StickyPools.Fits(root.Protocol, ProtocolOf(target))) is not { } other) return;
        verdicts.Unresolved(split.Key, "UnsupportedProtocol", $"{field}: sessions are kept only within each backend, as port {other.Port} of the service '{other.Service.Name}' is {Text(ProtocolOf(other))} and port {root.Port.Port} of '{root.Name.Name}' is {Text(root.Protocol)}; declare the same appProtocol on the ports of the service and of all backends");
    }

    private PortProtocol ProtocolOf(BackendTarget target) =>
        ProtocolDetection.Of(snapshot.Services[new ObjectName(target.Service.Namespace, target.Service.Name)].Ports.First(p => p.Port == target.Port));

    private static string Text(PortProtocol protocol) => protocol switch
    {
        PortProtocol.Http => "HTTP",
        PortProtocol.Http2 => "HTTP/2",
        PortProtocol.Grpc => "gRPC",
        PortProtocol.Tcp => "TCP",
        _ => "not declared",
    };

    private static IEnumerable<TrafficSplitBackend> All(TrafficSplitSpec spec) => (spec.Backends ?? []).Concat((spec.Rules ?? []).SelectMany(rule => rule.Backends));

    private BackendTarget? Resolve(SplitIndex.Candidate split, string backend, int? backendPort, string field, RootPort root)
    {
        var (ns, port) = (root.Name.Namespace, root.Port);
        if (!snapshot.Services.TryGetValue(new ObjectName(ns, backend), out var service) || service.IsExternalName)
        {
            var what = service is null ? $"the service '{backend}' does not exist in namespace '{ns}'" : $"the service '{backend}' is an ExternalName, which cannot be a backend";
            verdicts.Unresolved(split.Key, "BackendNotFound", $"{field}: {what}");
            return null;
        }

        // Of several ports, all but one would be sent to a port that has nothing to do with them.
        if (Find(service, backendPort, port, orOnlyOne: split.Spec.Port is not null || root.Service.Ports.Count == 1) is { } found)
        {
            // Bytes are bytes, but a server of another protocol would be sent requests.
            if (root.Protocol != PortProtocol.Tcp && ProtocolDetection.Of(found) == PortProtocol.Tcp)
                verdicts.Unresolved(split.Key, "UnsupportedProtocol", $"{field}: port {found.Port} of the service '{backend}' is TCP, but requests to port {port.Port} of '{root.Name.Name}' are sent there as HTTP; declare the port's protocol with appProtocol if it is HTTP, or choose another port");
            return new BackendTarget(new ServiceName(ns, backend), found.Port);
        }

        verdicts.Unresolved(split.Key, "PortNotFound", $"{field}: the service '{backend}' has no TCP port {backendPort ?? port.Port} ({PortTexts.Numbers(snapshot, new ObjectName(ns, backend), service, backendPort ?? port.Port)}){Advice(split, backendPort, root)}");
        return null;
    }

    private static string Advice(SplitIndex.Candidate split, int? backendPort, RootPort root)
    {
        if (backendPort is not null) return string.Empty;
        return split.Spec.Port is null && root.Service.Ports.Count > 1
            ? string.Create(CultureInfo.InvariantCulture, $"; give the port, or in spec.port the one that the split is for, if that is not {root.Port.Port}")
            : "; give the port";
    }

    /// <summary>The named port of a backend, else the one with the number or name of the port that was called.</summary>
    private static ServicePortRecord? Find(ServiceRecord backend, int? named, ServicePortRecord root, bool orOnlyOne) => named is not null
        ? backend.Ports.FirstOrDefault(p => p.Port == named)
        : backend.Ports.FirstOrDefault(p => p.Port == root.Port)
            ?? (root.Name.Length > 0 ? backend.Ports.FirstOrDefault(p => p.Name == root.Name) : null)
            ?? (orOnlyOne && backend.Ports.Count == 1 ? backend.Ports[0] : null);
}
