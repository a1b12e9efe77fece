using k8s;
using k8s.Models;

namespace MeshOperator.Kubernetes.Controllers;

/// <summary>Has a controller look at all objects of its kind again: for when something else has changed that it makes them of.</summary>
/// <typeparam name="TEntity">The controller's entity type.</typeparam>
public sealed class ControllerRequeue<TEntity>
    where TEntity : class, IKubernetesObject<V1ObjectMeta>
{
    internal event Action? Requested;

    /// <summary>Puts all objects into the controller's queue, if this replica leads.</summary>
    public void All() => Requested?.Invoke();
}
