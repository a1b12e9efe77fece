using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Rollout;
using MeshOperator.Xds.Registry;

namespace MeshOperator.Pipeline;

/// <summary>Progress by what the proxies that are connected to this replica have acknowledged.</summary>
internal sealed class AcknowledgedProgress(ProxyRegistry proxies) : IRolloutProgress
{
    public bool HasServer(WorkloadName workload) => proxies.HasOwnListeners(workload);

    public bool HaveClients(IReadOnlyCollection<BackendTarget> ports) => proxies.HaveUpstreams(ports);
}
