using MeshOperator.Api.Policies;
using MeshOperator.Kubernetes.Entities;
using MeshOperator.Kubernetes.Informers;

namespace MeshOperator.Snapshots;

/// <summary>Brings the policies of one kind into the snapshot.</summary>
internal interface IPolicyFeed
{
    /// <summary>Has the snapshot follow the kind's informer.</summary>
    void AddTo(ClusterSnapshotSource source);
}

/// <inheritdoc/>
internal sealed class PolicyFeed<TPolicy, TSpec>(PolicyKind<TPolicy, TSpec> kind, SharedInformer<TPolicy> informer) : IPolicyFeed
    where TPolicy : CustomKubernetesEntity, IMeshPolicy<TSpec>, new()
    where TSpec : class, new()
{
    public void AddTo(ClusterSnapshotSource source) => source.Follow(kind, informer);
}
