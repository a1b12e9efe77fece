using MeshOperator.Mesh.Model;

namespace MeshOperator.Mesh.Rollout;

/// <summary>What proxies have acknowledged of the model that is served.</summary>
public interface IRolloutProgress
{
    /// <summary>Whether the proxy of a workload takes connections as the model says; true when it is not connected.</summary>
    bool HasServer(WorkloadName workload);

    /// <summary>Whether all connected proxies call the endpoints of these service ports as the model says.</summary>
    bool HaveClients(IReadOnlyCollection<BackendTarget> ports);
}
