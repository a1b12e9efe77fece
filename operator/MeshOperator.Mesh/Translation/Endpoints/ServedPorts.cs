using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Mesh.Translation.Endpoints;

/// <summary>A port on which a pod serves.</summary>
/// <param name="Protocol">How its bytes are understood.</param>
/// <param name="Services">The service ports behind which it is.</param>
internal sealed record ServedPort(PortProtocol Protocol, List<(ObjectName Service, string PortName)> Services);

/// <summary>What a service port says of a pod's port.</summary>
/// <param name="Service">The service.</param>
/// <param name="PortName">The name of its port.</param>
/// <param name="Protocol">How its bytes are understood.</param>
/// <param name="Target">The pod's port.</param>
internal readonly record struct ServedTarget(ObjectName Service, string PortName, PortProtocol Protocol, int Target);

/// <summary>The ports on which pods serve, by what services say of them.</summary>
internal sealed class ServedPorts
{
    private readonly Dictionary<ObjectName, List<ServedTarget>> _byPod = [];

    public void Add(ObjectName pod, ServedTarget target)
    {
        if (!_byPod.TryGetValue(pod, out var targets))
            _byPod[pod] = targets = [];
        targets.Add(target);
    }

    /// <summary>Forgets all that a service says of a pod.</summary>
    public void Remove(ObjectName pod, ObjectName service)
    {
        if (!_byPod.TryGetValue(pod, out var targets))
            return;
        targets.RemoveAll(target => target.Service == service);
        if (targets.Count == 0)
            _byPod.Remove(pod);
    }

    /// <summary>The services behind which a pod is; one may be named twice.</summary>
    public IEnumerable<ObjectName> GetServices(ObjectName pod) =>
        _byPod.TryGetValue(pod, out var targets) ? targets.Select(target => target.Service) : [];

    /// <summary>A pod's ports, ordered by number. A service of another namespace has a say only where none of the pod's own has: its
    /// owner is not the pod's.</summary>
    public SortedDictionary<int, ServedPort> GetPorts(ObjectName pod)
    {
        var ports = new SortedDictionary<int, ServedPort>();
        var targets = _byPod.GetValueOrDefault(pod, []);
        foreach (var target in targets)
        {
            if (!IsOwn(target) && targets.Exists(other => other.Target == target.Target && IsOwn(other)))
                continue;
            if (!ports.TryGetValue(target.Target, out var known))
                ports[target.Target] = known = new ServedPort(target.Protocol, []);
            // Two services that disagree leave it to be looked at.
            else if (known.Protocol != target.Protocol)
                ports[target.Target] = known = known with { Protocol = PortProtocol.Detect };
            known.Services.Add((target.Service, target.PortName));
        }

        return ports;

        bool IsOwn(ServedTarget target) => target.Service.Namespace == pod.Namespace;
    }
}
