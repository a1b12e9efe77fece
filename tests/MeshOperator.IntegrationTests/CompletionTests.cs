using System.Net;
using System.Net.Sockets;
using k8s;
using k8s.Models;
using MeshOperator.Authority;
using MeshOperator.Certificates;
using MeshOperator.Certificates.Rotation;
using MeshOperator.Completions;
using MeshOperator.IntegrationTests.Support;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Events;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Kubernetes.LeaderElection;
using MeshOperator.Settings;
using MeshOperator.Shifts.Asking;
using MeshOperator.Snapshots;
using MeshOperator.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.IntegrationTests;

/// <summary>Pods whose containers have ended, but for a proxy that cannot be reached.</summary>
public sealed class CompletionTests(TestCluster cluster) : IAsyncDisposable
{
    private readonly FakeTimeProvider _time = new(TimeProvider.System.GetUtcNow());
    private readonly CertificateAuthority _authority = CertificateAuthority.CreateSelfSigned("cluster.local", TimeProvider.System);
    private readonly CancellationTokenSource _stopping = new();
    private readonly ServiceProvider _meters = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private readonly List<IPEndPoint> _orders = [];
    private Task _informing = Task.CompletedTask;
    private CompletionService? _service;

    [Fact]
    public async Task An_order_that_nobody_takes_is_given_eight_times_and_then_reported_by_an_Event()
    {
        await using var ns = await TestNamespace.CreateAsync(cluster);
        await PodAsync(ns, "job", exitCode: 0);
        await StartAsync(ns, isLeader: true);

        await Eventually.Succeeds(async () =>
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            var events = await cluster.Entities<Corev1Event>().ListAsync(TestContext.Current.CancellationToken);
            var found = events.Single(e => e.InvolvedObject.NamespaceProperty == ns.Name && e.Reason == CompletionService.Reason);
            found.InvolvedObject.Name.ShouldBe("job");
            found.Message.ShouldContain("Connection refused");
            found.Message.ShouldContain("port 15022");
        });

        _time.Advance(TimeSpan.FromMinutes(10));
        Orders.ShouldBe(Enumerable.Repeat("10.9.9.9:15022", 8));
    }

    [Theory]
    [InlineData(false, 0)]
    [InlineData(true, 1)]
    [InlineData(true, null)]
    public async Task No_order_is_given_by_a_follower_or_where_a_container_runs_or_is_started_again(bool isLeader, int? exitCode)
    {
        await using var ns = await TestNamespace.CreateAsync(cluster);
        await PodAsync(ns, "job", exitCode);
        await PodAsync(ns, "other", exitCode: 0, address: "10.9.9.8");
        await StartAsync(ns, isLeader);

        if (isLeader)
            await Eventually.Succeeds(() =>
            {
                _time.Advance(TimeSpan.FromSeconds(1));
                Orders.ShouldContain("10.9.9.8:15022");
            });
        else
            _time.Advance(TimeSpan.FromMinutes(1));
        Orders.ShouldNotContain("10.9.9.9:15022");
    }

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _informing;
        if (_service is not null)
            await _service.StopAsync(CancellationToken.None);
        _service?.Dispose();
        await _meters.DisposeAsync();
        _authority.Dispose();
        _stopping.Dispose();
    }

    private IReadOnlyList<string> Orders
    {
        get
        {
            lock (_orders)
                return [.. _orders.Select(order => order.ToString())];
        }
    }

    private async Task StartAsync(TestNamespace ns, bool isLeader)
    {
        var pods = new SharedInformer<V1Pod>(
            cluster.Transport,
            new InformerOptions<V1Pod>
            {
                Namespace = ns.Name,
                Trim = RecordReader.Trim,
                ReadProtobuf = PodMessages.Read,
            },
            TimeProvider.System,
            new Random(1),
            NullLogger<SharedInformer<V1Pod>>.Instance
        );
        _informing = pods.RunAsync(_stopping.Token);
        await pods.WaitForSyncAsync(TestContext.Current.CancellationToken);
        var authority = new MeshAuthority(AuthorityState.Create(_authority.Files, _time.GetUtcNow()), _time);
        var issuer = new IdentityIssuer(_authority, new LeafSettings(), _time, new Random(1));
        var options = new OperatorOptions();
        var network = new AskNetwork((_, _) => Task.FromResult<IPAddress[]>([]), RefuseAsync);
        _service = new CompletionService(
            pods,
            new CompletionOrder(network, new AskIdentity(issuer, authority, options), options, _time),
            new CompletionMetrics(_meters.GetRequiredService<System.Diagnostics.Metrics.IMeterFactory>()),
            new EventPublisher(cluster.Entities<Corev1Event>(), _time),
            isLeader ? new SoleLeadership() : new Follower(),
            _time,
            NullLogger<CompletionService>.Instance
        );
        await _service.StartAsync(TestContext.Current.CancellationToken);
    }

    private Task<Stream> RefuseAsync(IPEndPoint address, CancellationToken cancellation)
    {
        lock (_orders)
            _orders.Add(address);
        throw new SocketException((int)SocketError.ConnectionRefused);
    }

    /// <summary>A pod as the injector leaves that of a Job, whose proxy runs.</summary>
    private async Task PodAsync(TestNamespace ns, string name, int? exitCode, string address = "10.9.9.9")
    {
        await cluster.ApplyAsync(
            $$"""
            apiVersion: v1
            kind: Pod
            metadata:
              name: {{name}}
              namespace: {{ns.Name}}
              labels: {meshoperator.io/proxy: envoy}
              annotations: {meshoperator.io/completion: operator}
            spec:
              restartPolicy: OnFailure
              containers: [{name: mesh-proxy, image: envoy}, {name: app, image: app}]
            """
        );
        var pod = (await cluster.Entities<V1Pod>().GetAsync(new ObjectKey(ns.Name, name), CancellationToken.None))!;
        var running = new V1ContainerState { Running = new V1ContainerStateRunning() };
        var ended = new V1ContainerState { Terminated = new V1ContainerStateTerminated { ExitCode = exitCode ?? 0 } };
        pod.Status = new V1PodStatus
        {
            Phase = "Running",
            PodIPs = [new V1PodIP { Ip = address }],
            ContainerStatuses = [Status("mesh-proxy", running), Status("app", exitCode is null ? running : ended)],
        };
        await cluster.Client.CoreV1.ReplaceNamespacedPodStatusAsync(pod, name, ns.Name);
    }

    private static V1ContainerStatus Status(string name, V1ContainerState state) =>
        new()
        {
            Name = name,
            Image = name,
            ImageID = name,
            State = state,
        };

    private sealed class Follower : ILeadership
    {
        public event Action? Changed
        {
            add { }
            remove { }
        }

        public bool IsLeader => false;

        public CancellationToken Term => new(canceled: true);
    }
}
