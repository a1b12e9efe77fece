using k8s.Models;

namespace MeshOperator.Kubernetes.Informers;

/// <summary>One page of a list.</summary>
internal sealed class ListPage<T>
{
    public V1ListMeta? Metadata { get; set; }

    public List<T>? Items { get; set; }
}
