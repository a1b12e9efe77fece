using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Store;

namespace MeshOperator.LocalCluster.Controllers;

/// <summary>Runs the controllers of one cluster until it stops.</summary>
internal sealed class ControllerSet
{
    private readonly IReadOnlyList<Controller> _controllers;
    private Task _running = Task.CompletedTask;

    public ControllerSet(Cluster cluster, string authorityPem, bool workloads, bool kubelet)
    {
        Namespaces = new NamespaceController(cluster, authorityPem);
        _controllers = [Namespaces, new GarbageCollector(cluster), new DefinitionCleanup(cluster)];
        if (workloads)
        {
            _controllers =
            [
                .. _controllers,
                new DeploymentController(cluster),
                new ReplicaSetController(cluster),
                new StatefulSetController(cluster),
                new DaemonSetController(cluster),
                new JobController(cluster),
                new EndpointSliceController(cluster),
            ];
        }

        if (workloads)
            _controllers = [.. _controllers, kubelet ? new StandInKubelet(cluster) : new StandInScheduler(cluster)];

        cluster.Store.Changed += OnChanged;
    }

    public NamespaceController Namespaces { get; }

    public void Start(CancellationToken stopping) =>
        _running = Task.WhenAll(_controllers.Select(c => Task.Run(() => c.RunAsync(stopping), CancellationToken.None)));

    /// <summary>Waits until all have ended.</summary>
    public Task StoppedAsync() => _running;

    private void OnChanged(ResourceKind kind, WatchEvent change)
    {
        foreach (var controller in _controllers)
            controller.OnChanged(kind, change);
    }
}
