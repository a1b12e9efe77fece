using MeshOperator.Local.Node;
using Shouldly;
using Xunit;

namespace MeshOperator.LocalMeshTests.ProxyScenarios;

/// <summary>A scenario that both proxies have to pass, with a service of its own, <see cref="Web"/>.</summary>
public abstract class ProxyScenario(ScenarioMesh mesh) : IAsyncLifetime
{
    private readonly List<PodClient> _clients = [];

    /// <summary>The test's own service, of the two pods of <c>web</c>.</summary>
    protected string Web { get; private set; } = string.Empty;

    /// <summary>Where it is.</summary>
    protected string Url => $"http://{Web}/";

    private protected ScenarioMesh Mesh => mesh;

    /// <summary>Calls as the account <c>friend</c>.</summary>
    private protected PodClient Friend => Keep(PodClient.For(mesh.Running.FindPod("friend")));

    /// <summary>Calls as the account <c>other</c>.</summary>
    private protected PodClient Other => Keep(PodClient.For(mesh.Running.FindPod("other")));

    public async ValueTask InitializeAsync() => Web = await mesh.AddServiceAsync();

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        foreach (var client in _clients)
            client.Dispose();
        if (Web.Length > 0)
            await mesh.RemovePoliciesAsync();
    }

    /// <summary>Calls a pod's port directly and in plaintext.</summary>
    private protected PodClient Outside(LocalPod pod, int port = 8080) => Keep(PodClient.Outside(pod, port));

    /// <summary>Applies a policy for the test's service, and waits until all its proxies acknowledged it.</summary>
    private protected Task ApplyAsync(string kind, string spec) =>
        mesh.Running.ApplyYamlAsync(
            $"""
            apiVersion: meshoperator.io/v1alpha1
            kind: {kind}
            metadata:
              name: {Web}
              namespace: {ScenarioMesh.Namespace}
            spec:
              {spec.ReplaceLineEndings("\n  ")}
            """
        );

    private protected Task SplitAsync(string spec) => ApplyAsync("TrafficSplit", $"service: {Web}\n{spec}");

    private protected Task TargetAsync(string kind, string spec) =>
        ApplyAsync(kind, $"targetRefs: [{{kind: Service, name: {Web}}}]\n{spec}");

    private protected Task MtlsAsync(string spec) => ApplyAsync("MtlsPolicy", "selector: {matchLabels: {app: web}}\n" + spec);

    /// <summary>How many requests arrived at the applications of a workload while something happened.</summary>
    private protected async Task<long> CountAsync(string workload, Func<Task> during)
    {
        var before = Arrived(workload);
        await during();
        return Arrived(workload) - before;
    }

    /// <summary>How many requests have arrived at the applications of a workload.</summary>
    private protected long Arrived(string workload) => mesh.Running.Pods(workload).Sum(pod => pod.StandIn!.Requests);

    private protected static void AllAnswered(IReadOnlyList<Reply> replies) =>
        replies.Where(reply => reply.Status != 200).Select(reply => reply.ToString()).ShouldBeEmpty();

    private PodClient Keep(PodClient client)
    {
        _clients.Add(client);
        return client;
    }
}
