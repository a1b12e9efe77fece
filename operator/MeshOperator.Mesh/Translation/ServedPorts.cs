using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Mesh.Translation;

/// <summary>A port on which a pod serves.</summary>
/// <param name="Protocol">How its bytes are understood.</param>
/// <param name="Services">The service ports behind which it is.</param>
internal sealed record ServedPort(PortProtocol Protocol, List<(ObjectName Service, string PortName)> Services);

/// <summary>The ports on which pods serve, by what services say of them.</summary>
internal sealed class ServedPorts
{
    private static readonly Dictionary<int, ServedPort> None = [];
    private readonly Dictionary<ObjectName, Dictionary<int, ServedPort>> _byPod = [];

    public void Add(ObjectName pod, int port, PortProtocol protocol, ObjectName service, string portName)
    {
        if (!_byPod.TryGetValue(pod, out var ports)) _byPod[pod] = ports = [];
        if (!ports.TryGetValue(port, out var known)) ports[port] = known = new ServedPort(protocol, []);
        // Two services that disagree leave it to be looked at.
        else if (known.Protocol != protocol) ports[port] = known = known with { Protocol = PortProtocol.Detect };
        known.Services.Add((service, portName));
    }

    public IReadOnlyDictionary<int, ServedPort> Of(ObjectName pod) => _byPod.GetValueOrDefault(pod) ?? None;
}
