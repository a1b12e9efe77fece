using k8s;
using MeshOperator.Local.Node;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.LocalMeshTests.ProxyScenarios;

/// <summary>One mesh for all scenarios of a kind of proxy. Each test has a service of its own there.</summary>
public abstract class ScenarioMesh : IAsyncLifetime
{
    /// <summary>The namespace of everything.</summary>
    internal const string Namespace = "scenarios";

    private const string Workloads = """
        apiVersion: v1
        kind: Namespace
        metadata: {name: scenarios, labels: {meshoperator.io/injection: enabled}}
        ---
        apiVersion: v1
        kind: ServiceAccount
        metadata: {name: friend, namespace: scenarios}
        ---
        apiVersion: v1
        kind: ServiceAccount
        metadata: {name: other, namespace: scenarios}
        ---
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: web, namespace: scenarios}
        spec:
          replicas: 2
          selector: {matchLabels: {app: web}}
          template:
            metadata: {labels: {app: web, version: web}}
            spec:
              containers:
                - name: app
                  image: registry.example.com/web:1
                  ports: [{name: http, containerPort: 8080}, {name: grpc, containerPort: 9000}, {name: tcp, containerPort: 7000}]
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: web, namespace: scenarios}
        spec:
          selector: {app: web}
          ports:
            - {name: http, port: 80, targetPort: http}
            - {name: grpc, port: 9000, targetPort: grpc}
            - {name: tcp, port: 7000, targetPort: tcp}
        ---
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: canary, namespace: scenarios}
        spec:
          replicas: 1
          selector: {matchLabels: {app: canary}}
          template:
            metadata: {labels: {app: canary, version: canary}}
            spec:
              containers: [{name: app, image: registry.example.com/web:2, ports: [{name: http, containerPort: 8080}]}]
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: canary, namespace: scenarios}
        spec:
          selector: {app: canary}
          ports: [{name: http, port: 80, targetPort: http}]
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: empty, namespace: scenarios}
        spec:
          selector: {app: nobody}
          ports: [{name: http, port: 80, targetPort: http}]
        ---
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: friend, namespace: scenarios}
        spec:
          replicas: 1
          selector: {matchLabels: {app: friend}}
          template:
            metadata:
              labels: {app: friend}
              annotations: {meshoperator.io/local-ports: "19000=web:80, 19001=web:9000, 19002=web:7000"}
            spec:
              serviceAccountName: friend
              containers: [{name: app, image: registry.example.com/client:1}]
        ---
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: other, namespace: scenarios}
        spec:
          replicas: 1
          selector: {matchLabels: {app: other}}
          template:
            metadata: {labels: {app: other}}
            spec:
              serviceAccountName: other
              containers: [{name: app, image: registry.example.com/client:1}]
        """;

    private RunningMesh? _running;
    private int _services;

    private protected abstract ProxyChoice Proxy { get; }

    /// <summary>The mesh. A test that needs an Envoy is skipped where there is none.</summary>
    internal RunningMesh Running
    {
        get
        {
            Assert.SkipWhen(_running is null, "Envoy was not found: set ENVOY to the program, or put it on the PATH.");
            return _running;
        }
    }

    /// <summary>Whether its proxies are built in.</summary>
    internal bool IsBuiltIn => Proxy is ProxyChoice.BuiltIn;

    public async ValueTask InitializeAsync()
    {
        if (Proxy is ProxyChoice.Envoy && await EnvoyProxies.FindAsync(null, CancellationToken.None) is null)
            return;
        _running = await RunningMesh.StartAsync(Proxy);
        await _running.ApplyYamlAsync(Workloads);
    }

    /// <summary>Makes another service of the pods of <c>web</c>, so that a test has its policies and statistics to itself.</summary>
    internal async Task<string> AddServiceAsync()
    {
        var name = $"web-{++_services}";
        await Running.ApplyYamlAsync(
            $$"""
            apiVersion: v1
            kind: Service
            metadata: {name: {{name}}, namespace: {{Namespace}} }
            spec:
              selector: {app: web}
              ports: [{name: http, port: 80, targetPort: http}, {name: grpc, port: 9000, targetPort: grpc}]
            """
        );
        // A service without a policy has no condition that says when callers know it.
        using var friend = PodClient.For(Running.FindPod("friend"));
        await Eventually.Succeeds(async () => (await friend.GetAsync($"http://{name}/")).Status.ShouldBe(200));
        return name;
    }

    /// <summary>Removes all policies, and waits until pods take requests of everybody again.</summary>
    internal async Task RemovePoliciesAsync()
    {
        await Running.RemovePoliciesAsync();
        await Eventually.Succeeds(async () =>
        {
            foreach (var pod in Running.Pods("web"))
            {
                using var outside = PodClient.Outside(pod);
                (await outside.GetAsync("/")).Status.ShouldBe(200);
            }

            foreach (var caller in new[] { "friend", "other" })
            {
                using var client = PodClient.For(Running.FindPod(caller));
                (await client.RepeatAsync(4, "http://web/")).ShouldAllBe(reply => reply.Status == 200);
            }
        });
    }

    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (_running is not null)
            await _running.DisposeAsync();
    }
}

/// <summary>A mesh of the built-in proxy.</summary>
public sealed class BuiltInMesh : ScenarioMesh
{
    private protected override ProxyChoice Proxy => ProxyChoice.BuiltIn;
}

/// <summary>A mesh of real Envoys.</summary>
public sealed class EnvoyMesh : ScenarioMesh
{
    private protected override ProxyChoice Proxy => ProxyChoice.Envoy;
}

/// <summary>Scenarios with the built-in proxy, one after the other.</summary>
[CollectionDefinition(DisableParallelization = true)]
public sealed class OnBuiltIn : ICollectionFixture<BuiltInMesh>;

/// <summary>Scenarios with Envoy, one after the other.</summary>
[CollectionDefinition(DisableParallelization = true)]
public sealed class OnEnvoy : ICollectionFixture<EnvoyMesh>;
