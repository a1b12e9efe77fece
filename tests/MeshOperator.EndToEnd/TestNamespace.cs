using System.Text.Json.Nodes;
using k8s.Models;
using MeshOperator.EndToEnd.Checks;
using MeshOperator.EndToEnd.Cluster;
using MeshOperator.EndToEnd.Node;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Manifests;
using MeshOperator.Testing;

namespace MeshOperator.EndToEnd;

/// <summary>A namespace of one scenario.</summary>
internal sealed class TestNamespace : IAsyncDisposable
{
    private readonly int _proxies;
    private readonly List<Workload> _workloads = [];
    private readonly List<(string Kind, string Namespace, string Name)> _policies = [];
    private readonly HashSet<string> _reported = [];

    private TestNamespace(TestMesh mesh, string name, int proxies) => (Mesh, Name, _proxies) = (mesh, name, proxies);

    public TestMesh Mesh { get; }

    public string Name { get; }

    /// <summary>The pods that run in it, or did.</summary>
    public IEnumerable<RunningPod> Pods => Mesh.Kubelet.History.Where(p => p.Namespace == Name);

    public static async Task<TestNamespace> CreateAsync(TestMesh mesh, string name, int proxies, bool isFirst = false)
    {
        var ns = new TestNamespace(mesh, mesh.UniqueName(name), proxies);
        await mesh.Budget.ReserveAsync(ns.Name, proxies, isFirst);
        await mesh.ApplyAsync(
            $"{{apiVersion: v1, kind: Namespace, metadata: {{name: {ns.Name}, labels: {{meshoperator.io/injection: enabled}}}}}}"
        );
        // A pod is refused until the namespace's default account is there.
        await Eventually.Succeeds(async () =>
        {
            if (await mesh.Entities<V1ServiceAccount>().GetAsync(new ObjectKey(ns.Name, "default"), CancellationToken.None) is null)
                throw new InvalidOperationException("the default service account is not there");
        });
        return ns;
    }

    /// <summary>A Deployment of the tests' application with a Service of its name; waits until all pods are ready.</summary>
    public async Task<Workload> DeployAsync(WorkloadSpec spec)
    {
        var workload = new Workload(this, spec);
        _workloads.Add(workload);
        await workload.CreateAsync();
        return workload;
    }

    /// <summary>A Deployment with the defaults of <see cref="WorkloadSpec"/>.</summary>
    public Task<Workload> DeployAsync(string name, int replicas = 1, string version = "", bool meshed = true, string? account = null) =>
        DeployAsync(
            new WorkloadSpec(name)
            {
                Replicas = replicas,
                Version = version,
                IsMeshed = meshed,
                Account = account,
            }
        );

    /// <summary>What was deployed under a name.</summary>
    public Workload Workload(string name) =>
        _workloads.Find(w => w.Name == name) ?? throw new ArgumentException($"nothing was deployed as {name}", nameof(name));

    /// <summary>A Service of other workloads' pods.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="app">The value of the label <c>app</c> that it selects.</param>
    /// <param name="headless">Whether it has no address of its own.</param>
    /// <param name="ports">Its ports; by default HTTP.</param>
    public async Task ServiceAsync(string name, string app, bool headless, params Port[] ports)
    {
        await Mesh.ApplyAsync(EndToEnd.Workload.Service(Name, name, app, headless, ports));
        await Eventually.Succeeds(() =>
        {
            if (!Mesh.View.Services.Objects.ContainsKey(new ObjectKey(Name, name)))
                throw new InvalidOperationException($"the service {name} is not known");
            var ready = Mesh.View.Pods.Objects.Values.Count(p =>
                p.Metadata.NamespaceProperty == Name && p.IsReady() && p.Metadata.Labels.TryGetValue("app", out var label) && label == app
            );
            if (Mesh.Names.Endpoints(new ObjectKey(Name, name)).Count() < ready)
                throw new InvalidOperationException($"the service {name} does not have all of its {ready} endpoints");
        });
    }

    /// <summary>Kind and name of the policies that were applied in this namespace.</summary>
    public IEnumerable<(string Kind, string Name)> Applied =>
        _policies.Where(policy => policy.Namespace == Name).Select(policy => (policy.Kind, policy.Name));

    /// <summary>Applies policies and whatever else, in this namespace unless they name another; waits until every policy is accepted, and
    /// acknowledged by all proxies.</summary>
    /// <param name="yaml">Manifests.</param>
    /// <param name="programmed">Whether to wait; without proxies that a policy applies to, it is never acknowledged.</param>
    public async Task ApplyAsync(string yaml, bool programmed = true)
    {
        var policies = new List<JsonObject>();
        foreach (var entity in ManifestReader.Read(yaml))
        {
            if (entity["metadata"]!["namespace"] is null && (string?)entity["kind"] != "Namespace")
                entity["metadata"]!["namespace"] = Name;
            var isPolicy = ((string)entity["apiVersion"]!).StartsWith(Api.MeshNames.Group, StringComparison.Ordinal);
            if (isPolicy)
                policies.Add(await Policies.ApplyAsync(Mesh, entity));
            else
                await Mesh.ApplyAsync(entity);
        }

        foreach (var policy in policies.Where(p => (string?)p["kind"] != "MeshCertificateAuthority"))
        {
            var key = ((string)policy["kind"]!, (string)policy["metadata"]!["namespace"]!, (string)policy["metadata"]!["name"]!);
            if (!_policies.Contains(key))
                _policies.Add(key);
        }

        foreach (var policy in policies.Where(_ => programmed))
            await Policies.WaitUntilProgrammedAsync(Mesh, policy);
    }

    /// <summary>Waits until each proxy has the endpoints of all workloads that have a Service: the operator sends them some time after a
    /// pod is ready.</summary>
    public Task WaitUntilProxiesKnowAllAsync() =>
        Eventually.Succeeds(async () =>
        {
            var served = Pods.Where(pod => Mesh.Names.Endpoints(new ObjectKey(Name, pod.Pod.Metadata.Labels["app"])).Any())
                .Select(pod => $"::{pod.Network.Address}:")
                .ToList();
            foreach (var proxy in Pods.Select(pod => pod.Proxy).OfType<ProxyProcess>())
                await ShouldKnowAsync(proxy, "outbound/", served);
        });

    /// <summary>Waits until the pod's proxy has the service's endpoints, which are the pods of a workload, and its listener. Until then a
    /// connection to the service passes through, and the node chooses the pod.</summary>
    public Task WaitUntilProxyKnowsAsync(RunningPod caller, string service, Port port, Workload workload) =>
        Eventually.Succeeds(async () =>
        {
            var name = $"outbound/{port.Number}/{service}.{Name}";
            await ShouldKnowAsync(caller.Proxy!, $"{name}::", [.. workload.Pods.Select(pod => $"::{pod.Network.Address}:")]);
            if (!(await caller.Proxy!.AdminAsync("/listeners")).Contains(name, StringComparison.Ordinal))
                throw new TimeoutException($"a proxy has no listener {name}");
        });

    private static async Task ShouldKnowAsync(ProxyProcess proxy, string clusters, IReadOnlyList<string> endpoints)
    {
        var known = (await proxy.AdminAsync("/clusters"))
            .Split('\n')
            .Where(line => line.StartsWith(clusters, StringComparison.Ordinal))
            .ToList();
        foreach (var endpoint in endpoints.Where(endpoint => !known.Exists(line => line.Contains(endpoint, StringComparison.Ordinal))))
            throw new TimeoutException($"a proxy does not know the endpoint {endpoint} of {clusters}");
    }

    /// <summary>Deletes a policy, for example <c>("TrafficSplit", "web")</c>.</summary>
    public Task DeleteAsync(string kind, string name)
    {
        _policies.Remove((kind, Name, name));
        return Policies.DeleteAsync(Mesh, kind, Name, name);
    }

    /// <summary>Deletes all policies that were applied, so that the next test finds none.</summary>
    public async Task DeletePoliciesAsync()
    {
        foreach (var (kind, ns, name) in _policies)
            await Policies.DeleteAsync(Mesh, kind, ns, name);
        _policies.Clear();
    }

    /// <summary>What is wrong with this namespace's proxies and was not reported before, in a line each.</summary>
    public async Task<IReadOnlyList<string>> FindAsync(IReadOnlyList<ExpectedWarning> expected)
    {
        var findings = new List<string>();
        foreach (var pod in Pods.Where(p => p.Proxy is not null))
        {
            findings.AddRange(pod.IsEnding ? pod.LastFindings : await ProxyChecks.FindAsync(pod));
            findings.AddRange(LogChecks.Unexpected(pod.Proxy!.Log, expected).Select(line => $"{pod.Name} logged: {line}"));
        }

        findings.AddRange(LogChecks.Rejections(Mesh.Operator.Log, Name).Select(line => $"the operator logged: {line}"));
        return [.. findings.Where(_reported.Add)];
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var workload in _workloads)
            workload.Dispose();
        await DeletePoliciesAsync();
        RunningPod[] pods = [.. Pods];
        foreach (var deployment in Mesh.View.Deployments.Objects.Keys.Where(k => k.Namespace == Name))
            await Mesh.Entities<V1Deployment>().DeleteAsync(deployment, CancellationToken.None);
        await Mesh.Entities<V1Namespace>().DeleteAsync(new ObjectKey(string.Empty, Name), CancellationToken.None);
        foreach (var pod in pods)
            pod.End(TimeSpan.Zero);
        await Task.WhenAll(pods.Select(p => p.Ended));
        Mesh.Budget.Release(Name, _proxies);
    }
}
