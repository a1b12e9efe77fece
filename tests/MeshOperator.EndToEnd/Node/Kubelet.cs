using System.Collections.Concurrent;
using System.Text;
using k8s.Models;
using MeshOperator.EndToEnd.Cluster;
using MeshOperator.Kubernetes.Client;

namespace MeshOperator.EndToEnd.Node;

/// <summary>Stands in for the kubelet of the one node: a <see cref="RunningPod"/> for each pod of the API server.</summary>
internal sealed class Kubelet(ClusterConnection cluster, ClusterView view, NodeNetwork network, ProxyBudget budget, string folder)
    : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, RunningPod> _pods = new(StringComparer.Ordinal);

    private readonly ConcurrentQueue<RunningPod> _history = new();

    /// <summary>The pods that run here, or did.</summary>
    public IReadOnlyCollection<RunningPod> History => _history;

    public async Task ReconcileAsync(CancellationToken cancellation)
    {
        var known = view
            .Pods.Objects.Values.Where(p => p.Spec.NodeName == Workloads.NodeName)
            .ToDictionary(p => p.Metadata.Uid, StringComparer.Ordinal);
        foreach (var (uid, pod) in known)
        {
            if (!_pods.TryGetValue(uid, out var running))
            {
                if (pod.Status?.Phase is "Succeeded" or "Failed")
                    continue;
                _pods[uid] = running = new RunningPod(pod, cluster.Client, view, network, budget, Path.Combine(folder, uid), Hosts());
                _history.Enqueue(running);
                running.Start();
            }

            if (pod.Metadata.DeletionTimestamp is not null)
                running.End(TimeSpan.FromSeconds(pod.Metadata.DeletionGracePeriodSeconds ?? 30));
            else
                await running.RefreshAsync();
        }

        foreach (var (uid, running) in _pods)
        {
            if (known.ContainsKey(uid))
                continue;
            // Deleted without grace: its object is gone already.
            running.End(TimeSpan.Zero);
            if (running.Ended.IsCompleted)
                _pods.TryRemove(uid, out _);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var pod in _pods.Values)
            pod.End(TimeSpan.Zero);
        await Task.WhenAll(_pods.Values.Select(p => p.Ended));
    }

    /// <summary>What the cluster's DNS would say, for those that know files only.</summary>
    private string Hosts()
    {
        var hosts = new StringBuilder();
        foreach (var service in view.Services.Objects.Values.Where(s => s.Spec.ClusterIP is { Length: > 0 } and not "None"))
        {
            var name = $"{service.Metadata.Name}.{service.Metadata.NamespaceProperty}";
            hosts.Append(
                System.Globalization.CultureInfo.InvariantCulture,
                $"{service.Spec.ClusterIP} {name}.svc {name}.svc.cluster.local {name}\n"
            );
        }

        return hosts.ToString();
    }
}
