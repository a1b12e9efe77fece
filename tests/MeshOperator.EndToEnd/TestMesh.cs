using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;
using k8s.Models;
using MeshOperator.Api.Policies;
using MeshOperator.Checks;
using MeshOperator.EndToEnd;
using MeshOperator.EndToEnd.Clients;
using MeshOperator.EndToEnd.Cluster;
using MeshOperator.EndToEnd.Node;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Manifests;
using MeshOperator.Local;
using MeshOperator.Local.Node;
using MeshOperator.Testing;
using MeshOperator.Webhooks;
using Xunit;

[assembly: AssemblyFixture(typeof(TestMesh))]
// Classes run beside each other; how many is bounded by the proxies that they reserve.
[assembly: Xunit.v3.Parallelization(Mode = Xunit.Sdk.ParallelMode.Collections, MaxThreads = -1)]

namespace MeshOperator.EndToEnd;

/// <summary>The mesh of the whole suite: an API server, the stand-ins for node and controllers, and the operator.</summary>
public sealed class TestMesh : IAsyncLifetime
{
    private const int MostProxies = 20;
    private readonly List<ChangeLoop> _loops = [];
    private readonly string _folder = Path.Combine(
        Path.GetTempPath(),
        string.Create(CultureInfo.InvariantCulture, $"meshe2e-{Environment.ProcessId}")
    );
    private NodeNetwork _network = null!;
    private int _namespaces;

    /// <summary>Why nothing of the suite can run here; null where it can.</summary>
    internal string? Missing { get; } = Requirements.Missing();

    internal ClusterConnection Cluster { get; private set; } = null!;

    internal ClusterView View { get; private set; } = null!;

    internal Kubelet Kubelet { get; private set; } = null!;

    internal OperatorUnderTest Operator { get; private set; } = null!;

    internal ServiceDirectory Names { get; private set; } = null!;

    internal ProxyBudget Budget { get; } = new(MostProxies);

    /// <summary>Who needs the operator and the API server as they are, and who does something to them.</summary>
    internal Turns Turns { get; } = new();

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        if (Missing is not null)
            return;
        Directory.CreateDirectory(_folder);
        Cluster = await ClusterConnection.OpenAsync();
        foreach (var crd in EmbeddedCrds.Read())
            await ApplyAsync(crd);
        await Eventually.Succeeds(async () => await Entities<MtlsPolicy>().ListAsync(CancellationToken.None));
        await ApplyAsync($"{{apiVersion: v1, kind: Namespace, metadata: {{name: {OperatorUnderTest.Namespace}}}}}");
        await RemoveLeftoversAsync();
        _network = await NodeNetwork.CreateAsync();
        Operator = await OperatorUnderTest.CreateAsync(_network, Cluster, _folder);
        await ApplyOperatorServiceAsync();
        View = new ClusterView(Cluster.Transport);
        await View.WaitForSyncAsync();
        Names = new ServiceDirectory(View);
        StartStandIns();
        await Operator.StartAsync();
        await ApplyWebhooksAsync();
        TestContext.Current.SendDiagnosticMessage($"end-to-end tests run on {(Cluster.IsReal ? Cluster.Client.BaseUri : "LocalCluster")}");
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Missing is not null)
            return;
        if (Kubelet is not null)
            await Kubelet.DisposeAsync();
        foreach (var loop in _loops)
            await loop.DisposeAsync();
        if (View is not null)
            await View.DisposeAsync();
        if (Operator is not null)
            await Operator.DisposeAsync();
        if (_network is not null)
            await _network.DisposeAsync();
        if (Cluster is not null)
        {
            await Entities<V1MutatingWebhookConfiguration>()
                .DeleteAsync(new ObjectKey(string.Empty, "mesh-operator"), CancellationToken.None);
            await Entities<V1ValidatingWebhookConfiguration>()
                .DeleteAsync(new ObjectKey(string.Empty, "mesh-operator"), CancellationToken.None);
            await Cluster.DisposeAsync();
        }

        if (Directory.Exists(_folder))
            Directory.Delete(_folder, recursive: true);
    }

    /// <summary>A network as pods have it, for what is no pod.</summary>
    internal Task<PodNetwork> AttachAsync() => _network.AttachAsync();

    internal EntityClient<T> Entities<T>()
        where T : k8s.IKubernetesObject<V1ObjectMeta> => new(Cluster.Transport);

    /// <summary>A name that no other scenario has.</summary>
    internal string UniqueName(string name) =>
        string.Create(CultureInfo.InvariantCulture, $"{name}-{Environment.ProcessId % 10000}-{Interlocked.Increment(ref _namespaces)}");

    /// <summary>Applies manifests as a user would, unknown fields refused.</summary>
    internal async Task ApplyAsync(string yaml)
    {
        foreach (var entity in ManifestReader.Read(yaml))
            await ApplyAsync(entity);
    }

    internal Task<JsonObject> ApplyAsync(JsonObject entity) =>
        new DynamicClient(Cluster.Transport).ApplyAsync(entity, CancellationToken.None);

    private void StartStandIns()
    {
        var workloads = new Workloads(View, Cluster.Transport);
        var slices = new EndpointSlices(View, Entities<V1EndpointSlice>());
        Kubelet = new Kubelet(Cluster, View, _network, Budget, _folder);
        var rules = new ServiceRules(_network.Namespace);
        _loops.Add(new ChangeLoop("workloads", workloads.ReconcileAsync));
        _loops.Add(new ChangeLoop("endpoint slices", slices.ReconcileAsync));
        _loops.Add(new ChangeLoop("kubelet", Kubelet.ReconcileAsync));
        _loops.Add(new ChangeLoop("service rules", _ => rules.SetAsync(View.Services.Objects.Values, View.Slices.Objects.Values)));
        View.Changed += () => _loops.ForEach(l => l.Wake());
    }

    /// <summary>What a run before this one left on an API server that goes on.</summary>
    private async Task RemoveLeftoversAsync()
    {
        await Entities<V1MutatingWebhookConfiguration>().DeleteAsync(new ObjectKey(string.Empty, "mesh-operator"), CancellationToken.None);
        await Entities<V1ValidatingWebhookConfiguration>()
            .DeleteAsync(new ObjectKey(string.Empty, "mesh-operator"), CancellationToken.None);
        foreach (var deployment in await Entities<V1Deployment>().ListAsync(CancellationToken.None))
            await Entities<V1Deployment>().DeleteAsync(ObjectKey.From(deployment), CancellationToken.None);
        foreach (var set in await Entities<V1ReplicaSet>().ListAsync(CancellationToken.None))
            await Entities<V1ReplicaSet>().DeleteAsync(ObjectKey.From(set), CancellationToken.None);
        foreach (var pod in (await Entities<V1Pod>().ListAsync(CancellationToken.None)).Where(p => p.Spec.NodeName == Workloads.NodeName))
            await new PodStatusWriter(pod, Cluster.Client, Node.NodeNetwork.HostAddress).DeleteAsync();
    }

    /// <summary>Another replica of the operator, not started yet.</summary>
    internal Task<OperatorUnderTest> AddReplicaAsync() => OperatorUnderTest.CreateAsync(_network, Cluster, _folder);

    /// <summary>The Service by whose name proxies reach the operator, and its one endpoint.</summary>
    private async Task ApplyOperatorServiceAsync()
    {
        await ApplyAsync(
            $$"""
            apiVersion: v1
            kind: Service
            metadata: {name: mesh-operator, namespace: {{OperatorUnderTest.Namespace}}}
            spec:
              ports:
                - {name: tls-xds, port: 15012}
                - {name: http-metrics, port: 8080}
            """
        );
        await ApplyOperatorEndpointsAsync([Operator]);
    }

    /// <summary>The replicas to which connections to the operator's Service go.</summary>
    internal Task ApplyOperatorEndpointsAsync(IEnumerable<OperatorUnderTest> ready) =>
        ApplyAsync(
            $$"""
            apiVersion: discovery.k8s.io/v1
            kind: EndpointSlice
            metadata:
              name: mesh-operator-e2e
              namespace: {{OperatorUnderTest.Namespace}}
              labels: { {{EndpointSliceLabels.Service}}: mesh-operator }
            addressType: IPv4
            ports: [{name: tls-xds, port: 15012, protocol: TCP}, {name: http-metrics, port: 8080, protocol: TCP}]
            endpoints: [{{string.Join(", ", ready.Select(r => $"{{addresses: [{r.Address}], conditions: {{ready: true}} }}"))}}]
            """
        );

    /// <summary>The configurations that the chart makes, but with addresses on this machine; the operator writes the CA bundle.</summary>
    private async Task ApplyWebhooksAsync()
    {
        foreach (
            var (kind, fields) in new[]
            {
                (
                    "MutatingWebhookConfiguration",
                    WebhookConfigurations.Mutating(Operator.WebhookUrl, string.Empty, OperatorUnderTest.Namespace)
                ),
                ("ValidatingWebhookConfiguration", WebhookConfigurations.Validating(Operator.WebhookUrl, string.Empty)),
            }
        )
        {
            fields["apiVersion"] = "admissionregistration.k8s.io/v1";
            fields["kind"] = kind;
            fields["metadata"] = new JsonObject { ["name"] = "mesh-operator" };
            await ApplyAsync(fields);
        }

        var key = new ObjectKey(string.Empty, "mesh-operator");
        await Eventually.Succeeds(async () =>
        {
            var mutating = await Entities<V1MutatingWebhookConfiguration>().GetAsync(key, CancellationToken.None);
            var validating = await Entities<V1ValidatingWebhookConfiguration>().GetAsync(key, CancellationToken.None);
            if (
                mutating!.Webhooks.Any(w => w.ClientConfig.CaBundle is not { Length: > 0 })
                || validating!.Webhooks.Any(w => w.ClientConfig.CaBundle is not { Length: > 0 })
            )
                throw new InvalidOperationException("the operator has not written the CA bundle of the webhooks");
        });
    }
}
