using k8s;
using k8s.Models;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Informers;

namespace MeshOperator.Local.Watching;

/// <summary>Makes the informers of what stands in for a cluster's other parts. Unlike the operator's they keep annotations whole.</summary>
internal static class LocalInformers
{
    /// <summary>Makes one; its <see cref="SharedInformer{T}.RunAsync"/> starts it.</summary>
    public static SharedInformer<T> Create<T>(KubernetesTransport transport, ILoggerFactory loggers, string? fieldSelector = null)
        where T : class, IKubernetesObject<V1ObjectMeta>
    {
#pragma warning disable RS0030 // Nothing depends on it but when a lost watch is tried again.
        var random = Random.Shared;
#pragma warning restore RS0030
        return new SharedInformer<T>(
            transport,
            new InformerOptions<T> { FieldSelector = fieldSelector, LongestAnnotation = null },
            TimeProvider.System,
            random,
            loggers.CreateLogger<SharedInformer<T>>()
        );
    }
}
