using k8s.Models;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Api.Policies;

/// <summary>A policy of any kind.</summary>
/// <typeparam name="TSpec">What users wish.</typeparam>
public interface IMeshPolicy<TSpec> : ISpec<TSpec>
    where TSpec : class, new()
{
    /// <summary>What the operator found of it, as far as all kinds have it.</summary>
    PolicyStatus? CommonStatus { get; }

    /// <summary>A status with what only this kind has in it, as far as it follows from the spec.</summary>
    PolicyStatus Complete(PolicyStatus status);
}

/// <summary>The base of the kinds of policies.</summary>
/// <typeparam name="TSpec">What users wish.</typeparam>
/// <typeparam name="TStatus">What the operator found.</typeparam>
public abstract class MeshPolicy<TSpec, TStatus> : CustomKubernetesEntity<TSpec, TStatus>, IMeshPolicy<TSpec>
    where TSpec : class, new()
    where TStatus : PolicyStatus
{
    /// <inheritdoc/>
    PolicyStatus? IMeshPolicy<TSpec>.CommonStatus => Status;

    /// <inheritdoc/>
    public virtual PolicyStatus Complete(PolicyStatus status) => status;
}
