using k8s;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Snapshots;

/// <summary>Reads pods and namespaces into their records, and logs once a list of upstreams that cannot be read. The webhook refuses
/// one on a new pod, but nobody is asked when it is changed, or when it is a namespace's.</summary>
internal sealed class AnnotatedReader(ILogger logger)
{
    public NamespaceRecord? Read(V1Namespace ns, NamespaceRecord? before)
    {
        var record = RecordReader.Read(ns);
        LogUpstreams("Namespace", ns, ns.Metadata.Name, record?.Upstreams, before?.Upstreams);
        return record;
    }

    public PodRecord? Read(V1Pod pod, PodRecord? before)
    {
        var record = RecordReader.Read(pod);
        if (record?.HasProxy == true)
            LogUpstreams("Pod", pod, pod.Metadata.NamespaceProperty, record.Upstreams, before?.Upstreams);
        return record;
    }

    private void LogUpstreams(string kind, IKubernetesObject<V1ObjectMeta> entity, string ns, string? upstreams, string? before)
    {
        if (upstreams is null || upstreams == before || UpstreamList.TryParse(upstreams, ns, out _, out var wrong))
            return;
        Log.UpstreamsUnreadable(logger, kind, ObjectKey.From(entity).ToString(), SidecarAnnotations.Upstreams, wrong!);
    }
}
