using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Translation;

namespace MeshOperator.Xds.Registry;

/// <summary>One connected stream, as far as others see it. Its loop writes it, the registry reads it.</summary>
internal sealed class ProxyConnection(string nodeId, WorkloadName? workload, bool isDelta, string agent, DateTimeOffset connectedAt)
{
    private readonly TypeStatus?[] _types = new TypeStatus?[ResourceTypes.Count];

    public string NodeId => nodeId;

    /// <summary>Null when the node is not known to the mesh.</summary>
    public WorkloadName? Workload => workload;

    /// <summary>Its workload as it was when it connected; null when the node is not known to the mesh.</summary>
    public NodeEntry? Node { get; init; }

    public bool IsDelta => isDelta;

    /// <summary>Whether the client is a gRPC library and no Envoy.</summary>
    public bool IsProxyless { get; init; }

    public string Agent => agent;

    public DateTimeOffset ConnectedAt => connectedAt;

    public TypeStatus? this[ResourceType type]
    {
        get => Volatile.Read(ref _types[(int)type]);
        set => Volatile.Write(ref _types[(int)type], value);
    }
}
