using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using MeshOperator.Checks;
using MeshOperator.Composition;
using MeshOperator.IntegrationTests.Support;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Listeners;
using MeshOperator.Local;
using MeshOperator.LocalCluster;
using MeshOperator.LocalCluster.Faults;
using MeshOperator.Pipeline;
using MeshOperator.Settings;
using Shouldly;
using Xunit;

[assembly: AssemblyFixture(typeof(TestCluster))]
// An operator is for the whole cluster: two at once would write over each other.
[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.None)]

namespace MeshOperator.IntegrationTests.Support;

/// <summary>The API server that the tests run on: the one that <c>MESH_TEST_KUBECONFIG</c> names, else one in this process, without
/// the stand-in for controllers, so that both are alike: tests make pods and endpoint slices themselves.</summary>
public sealed class TestCluster : IAsyncLifetime
{
    private ApiServer? _local;
    private bool _isShared;

    internal k8s.Kubernetes Client { get; private set; } = null!;

    internal KubernetesTransport Transport { get; private set; } = null!;

    /// <summary>Whether it is a real API server, which evaluates CEL.</summary>
    internal bool IsReal { get; private set; }

    internal string KubeconfigPath { get; private set; } = string.Empty;

    /// <summary>What a test orders to go wrong; only a cluster of its own has it.</summary>
    internal FaultInjector Faults => (_local ?? throw new InvalidOperationException("a real API server takes no orders for faults")).Faults;

    /// <summary>A cluster of a test's own, in this process whatever the environment says, so that what goes wrong there harms no
    /// other test.</summary>
    internal static async Task<TestCluster> StartLocalAsync()
    {
        var cluster = new TestCluster();
        await cluster.StartAsync(kubeconfig: null);
        return cluster;
    }

    /// <summary>What the suite runs on, for people.</summary>
    private string Server => IsReal ? $"{Client.BaseUri} of MESH_TEST_KUBECONFIG" : "LocalCluster";

    public async ValueTask InitializeAsync()
    {
        _isShared = true;
        var given = Environment.GetEnvironmentVariable("MESH_TEST_KUBECONFIG");
        await StartAsync(string.IsNullOrEmpty(given) ? null : given);
        TestContext.Current.SendDiagnosticMessage($"integration tests run on {Server}");
    }

    private async Task StartAsync(string? kubeconfig)
    {
        if (kubeconfig is { } path)
        {
            KubeconfigPath = path;
            IsReal = true;
        }
        else
        {
            _local = await ApiServer.StartAsync(new LocalClusterOptions { WorkloadControllers = false }, CancellationToken.None);
            KubeconfigPath = Path.GetTempFileName();
            await File.WriteAllTextAsync(KubeconfigPath, _local.Kubeconfig);
        }

        Client = Connect();
        Transport = new KubernetesTransport(Client, TimeProvider.System);
        var objects = new DynamicClient(Transport);
        foreach (var crd in EmbeddedCrds.Read())
            await objects.ApplyAsync(crd, CancellationToken.None);
        await Testing.Eventually.Succeeds(async () =>
            await new EntityClient<Api.Policies.MtlsPolicy>(Transport).ListAsync(CancellationToken.None)
        );
    }

    public async ValueTask DisposeAsync()
    {
        if (_isShared)
            await Console.Out.WriteLineAsync(WhatRanWhereAttribute.Table(Server));
        Client.Dispose();
        if (_local is null)
            return;
        File.Delete(KubeconfigPath);
        await _local.DisposeAsync();
    }

    /// <summary>A name that no other run on the same API server has.</summary>
    internal static string UniqueName(string prefix) =>
        $"{prefix}-{Convert.ToHexString(RandomNumberGenerator.GetBytes(4)).ToLower(CultureInfo.InvariantCulture)}";

    /// <summary>Another client of the same API server.</summary>
    internal k8s.Kubernetes Connect() => new(KubernetesClientConfiguration.BuildConfigFromConfigFile(KubeconfigPath));

    internal EntityClient<T> Entities<T>()
        where T : IKubernetesObject<V1ObjectMeta> => new(Transport);

    /// <summary>Applies manifests as a user would, unknown fields refused.</summary>
    internal async Task ApplyAsync(string yaml)
    {
        var objects = new DynamicClient(Transport);
        foreach (var entity in MeshOperator.Kubernetes.Manifests.ManifestReader.Read(yaml))
            await objects.ApplyAsync(entity, TestContext.Current.CancellationToken);
    }
}

/// <summary>A namespace of a test's own with helpers to fill it.</summary>
internal sealed class TestNamespace : IAsyncDisposable
{
    private readonly TestCluster _cluster;
    private int _addresses;

    private TestNamespace(TestCluster cluster, string name) => (_cluster, Name) = (cluster, name);

    public string Name { get; }

    public static async Task<TestNamespace> CreateAsync(TestCluster cluster, bool injected = false)
    {
        var ns = new TestNamespace(cluster, TestCluster.UniqueName("test"));
        var label = injected ? "\n  labels: {meshoperator.io/injection: enabled}" : string.Empty;
        await cluster.ApplyAsync($"apiVersion: v1\nkind: Namespace\nmetadata:\n  name: {ns.Name}{label}\n");
        // A pod is refused until the namespace's default account is there.
        await Testing.Eventually.Succeeds(async () =>
        {
            if (await cluster.Entities<V1ServiceAccount>().GetAsync(new ObjectKey(ns.Name, "default"), CancellationToken.None) is null)
                throw new InvalidOperationException("the default service account is not there");
        });
        return ns;
    }

    /// <summary>A service with pods that are ready, and its endpoint slice; the pods go through admission.</summary>
    public async Task ServiceAsync(string name, int pods = 1, string portName = "http", int port = 80, bool root = false)
    {
        await _cluster.ApplyAsync(
            $$"""
            apiVersion: v1
            kind: Service
            metadata: {name: {{name}}, namespace: {{Name}}}
            spec:
              selector: {app: {{name}}}
              ports: [{name: {{portName}}, port: {{port}}, targetPort: 8080}]
            """
        );
        if (root)
            return;
        var endpoints = new StringBuilder();
        for (var i = 0; i < pods; i++)
        {
            await PodAsync($"{name}-{i}", name);
            endpoints.Append(
                CultureInfo.InvariantCulture,
                $"\n- {{addresses: [10.1.0.{++_addresses}], conditions: {{ready: true}}, targetRef: {{kind: Pod, name: {name}-{i}, "
                    + $"namespace: {Name}}}}}"
            );
        }

        await _cluster.ApplyAsync(
            $$"""
            apiVersion: discovery.k8s.io/v1
            kind: EndpointSlice
            metadata:
              name: {{name}}-1
              namespace: {{Name}}
              labels: {kubernetes.io/service-name: {{name}}}
            addressType: IPv4
            ports: [{name: {{portName}}, port: 8080, protocol: TCP}]
            endpoints:{{endpoints}}
            """
        );
    }

    public async Task<V1Pod> PodAsync(string name, string app, string? podLabel = null)
    {
        var label = podLabel is null ? string.Empty : $", meshoperator.io/inject: \"{podLabel}\"";
        await _cluster.ApplyAsync(
            $$"""
            apiVersion: v1
            kind: Pod
            metadata:
              name: {{name}}
              namespace: {{Name}}
              labels: {app: {{app}}{{label}}}
            spec:
              containers: [{name: app, image: registry.example.com/app:1}]
            """
        );
        return (await _cluster.Entities<V1Pod>().GetAsync(new ObjectKey(Name, name), CancellationToken.None))!;
    }

    public Task SplitAsync(string name, string root, params (string Service, int Weight)[] backends) =>
        _cluster.ApplyAsync(
            new JsonObject
            {
                ["apiVersion"] = "meshoperator.io/v1alpha1",
                ["kind"] = "TrafficSplit",
                ["metadata"] = new JsonObject { ["name"] = name, ["namespace"] = Name },
                ["spec"] = new JsonObject
                {
                    ["service"] = root,
                    ["backends"] = new JsonArray([
                        .. backends.Select(b => new JsonObject { ["service"] = b.Service, ["weight"] = b.Weight }),
                    ]),
                },
            }.ToJsonString()
        );

    /// <summary>The mode of the pods of <c>api</c>.</summary>
    public Task ApplyModeAsync(string mode) =>
        _cluster.ApplyAsync(
            $$"""
            apiVersion: meshoperator.io/v1alpha1
            kind: MtlsPolicy
            metadata: {name: api, namespace: {{Name}}}
            spec:
              mode: {{mode}}
              selector:
                matchLabels: {app: api}
            """
        );

    public async ValueTask DisposeAsync() =>
        await _cluster.Entities<V1Namespace>().DeleteAsync(new ObjectKey(string.Empty, Name), CancellationToken.None);
}

/// <summary>An operator on the test cluster, in a namespace of its own.</summary>
internal sealed class TestOperator : IAsyncDisposable
{
    private readonly TestCluster _cluster;
    private readonly k8s.Kubernetes _client;
    private readonly OperatorOptions _options;
    private readonly bool _ownsObjects;
    private bool _isStopped;

    private TestOperator(TestCluster cluster, k8s.Kubernetes client, OperatorOptions options, OperatorHost host, bool ownsObjects) =>
        (_cluster, _client, _options, Host, _ownsObjects) = (cluster, client, options, host, ownsObjects);

    public OperatorHost Host { get; }

    public string Namespace => _options.Namespace;

    /// <summary>Whether it knows the cluster.</summary>
    public bool IsReady => ((MeshPipeline)Host.Services.GetService(typeof(MeshPipeline))!).IsReady;

    public static async Task<TestOperator> StartAsync(TestCluster cluster, Func<OperatorOptions, OperatorOptions>? change = null)
    {
        var name = TestCluster.UniqueName("mesh");
        await cluster.ApplyAsync($"apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n");
        var options = new OperatorOptions
        {
            Namespace = name,
            WebhookConfiguration = name,
            CertificateAuthority = name,
            LoopbackOnly = true,
            OwnWebhookConfigurations = true,
            XdsPlaintextPort = 0,
            XdsTlsPort = 0,
            WebhookPort = 0,
            MetricsPort = 0,
            ReplicaPort = 0,
            LogLevel = Serilog.Events.LogEventLevel.Error,
            JsonLog = false,
        };
        return await StartAsync(cluster, change?.Invoke(options) ?? options, ownsObjects: true);
    }

    /// <summary>Another operator with the same options: a second replica, or this one started again.</summary>
    /// <param name="change">What is other in its options.</param>
    /// <param name="untilReady">Whether to wait until it knows the cluster.</param>
    public Task<TestOperator> StartAnotherAsync(Func<OperatorOptions, OperatorOptions>? change = null, bool untilReady = true) =>
        StartAsync(_cluster, change?.Invoke(_options) ?? _options, ownsObjects: false, untilReady);

    /// <summary>An xDS client on the plaintext port.</summary>
    public Testing.DeltaClient Connect(string nodeId) =>
        new(Grpc.Net.Client.GrpcChannel.ForAddress($"http://{Host.Ports[ListenerKind.PlaintextXds]}"), nodeId);

    /// <summary>Stops the program and leaves what it keeps in the cluster.</summary>
    public async Task StopAsync()
    {
        if (_isStopped)
            return;
        _isStopped = true;
        await Host.DisposeAsync();
        _client.Dispose();
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        if (!_ownsObjects)
            return;
        var key = new ObjectKey(string.Empty, _options.WebhookConfiguration);
        await _cluster.Entities<V1MutatingWebhookConfiguration>().DeleteAsync(key, CancellationToken.None);
        await _cluster.Entities<V1ValidatingWebhookConfiguration>().DeleteAsync(key, CancellationToken.None);
        await _cluster
            .Entities<Api.Authorities.MeshCertificateAuthority>()
            .DeleteAsync(new ObjectKey(string.Empty, _options.CertificateAuthority), CancellationToken.None);
        await _cluster.Entities<V1Namespace>().DeleteAsync(new ObjectKey(string.Empty, Namespace), CancellationToken.None);
    }

    private static async Task<TestOperator> StartAsync(
        TestCluster cluster,
        OperatorOptions options,
        bool ownsObjects,
        bool untilReady = true
    )
    {
        var client = cluster.Connect();
        var host = await OperatorHost.StartAsync(options, client, TestContext.Current.CancellationToken);
        var mesh = new TestOperator(cluster, client, options, host, ownsObjects);
        if (untilReady)
            await Testing.Eventually.Succeeds(() => mesh.IsReady.ShouldBeTrue());
        return mesh;
    }
}
