using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using MeshOperator.IntegrationTests.Support;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Testing;
using Xunit;

namespace MeshOperator.IntegrationTests.Identity;

/// <summary>Pods with sidecars, and simulated proxies in their place.</summary>
internal sealed class MeshProxies(TestCluster cluster, TestNamespace ns, string roots, Func<int> port) : IAsyncDisposable
{
    private readonly List<SimulatedProxy> _proxies = [];

    public IReadOnlyList<SimulatedProxy> All => _proxies;

    public SimulatedProxy this[string pod] =>
        _proxies.Find(p => p.NodeId == $"{pod}.{ns.Name}") ?? throw new ArgumentException($"no proxy of pod {pod}", nameof(pod));

    /// <summary>Makes a pod that looks as the injector leaves it.</summary>
    public async Task<V1Pod> PodAsync(string name)
    {
        await cluster.ApplyAsync(
            new JsonObject
            {
                ["apiVersion"] = "v1",
                ["kind"] = "Pod",
                ["metadata"] = new JsonObject
                {
                    ["name"] = name,
                    ["namespace"] = ns.Name,
                    ["labels"] = new JsonObject { ["meshoperator.io/proxy"] = "envoy" },
                },
                ["spec"] = new JsonObject
                {
                    ["containers"] = new JsonArray(
                        new JsonObject { ["name"] = "app", ["image"] = "registry.example.com/app:1" },
                        new JsonObject { ["name"] = Injection.SidecarInjector.ContainerName, ["image"] = "registry.example.com/envoy:1" }
                    ),
                },
            }.ToJsonString()
        );
        return (await cluster.Entities<V1Pod>().GetAsync(new ObjectKey(ns.Name, name), TestContext.Current.CancellationToken))!;
    }

    /// <summary>Makes a pod and starts its proxy.</summary>
    public async Task<SimulatedProxy> StartAsync(string name)
    {
        var pod = await PodAsync(name);
        var proxy = new SimulatedProxy(
            $"{name}.{ns.Name}",
            $"spiffe://cluster.local/ns/{ns.Name}/sa/default",
            await PodToken.IssueAsync(cluster.Client, pod),
            roots,
            port
        );
        _proxies.Add(proxy);
        return proxy;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var proxy in _proxies)
            await proxy.DisposeAsync();
    }
}
