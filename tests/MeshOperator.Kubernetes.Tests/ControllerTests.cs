using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using k8s.Models;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Controllers;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Kubernetes.LeaderElection;
using MeshOperator.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Shouldly;
using Xunit;

namespace MeshOperator.Kubernetes.Tests;

public sealed class ControllerTests(EmbeddedApiServer server) : IAsyncLifetime
{
    private const string Finalizer = "test.meshoperator.io/cleanup";
    private readonly TestLeadership _leadership = new();
    private readonly TestController _controller = new();
    private string _namespace = string.Empty;
    private k8s.Kubernetes _client = null!;
    private EntityClient<V1ConfigMap> _maps = null!;
    private IHost? _host;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        _namespace = await server.NamespaceAsync();
        _client = server.Client();
        _maps = new EntityClient<V1ConfigMap>(new KubernetesTransport(_client, TimeProvider.System));
    }

    public async ValueTask DisposeAsync()
    {
        if (_host is not null)
            await _host.StopAsync(CancellationToken.None);
        _host?.Dispose();
        _leadership.Dispose();
        _client.Dispose();
    }

    [Fact]
    public async Task A_finalizer_is_attached_before_the_first_reconcile_and_keeps_the_object_until_it_has_succeeded()
    {
        await StartAsync(withFinalizer: true);
        var created = await CreateAsync("a", "other.io/one");
        await Eventually.Succeeds(() => _controller.Log.ShouldContain($"reconcile a other.io/one,{Finalizer}"));
        _controller.Log.ShouldAllBe(l =>
            !l.StartsWith("reconcile", StringComparison.Ordinal) || l.EndsWith(Finalizer, StringComparison.Ordinal)
        );

        _controller.FailFinalize = 2;
        await _maps.DeleteAsync(ObjectKey.From(created), Cancellation);
        await Eventually.Succeeds(() => _controller.Log.Count(l => l == "finalize a").ShouldBe(3));
        await Eventually.Succeeds(async () =>
            (await _maps.GetAsync(ObjectKey.From(created), Cancellation))!.Metadata.Finalizers.ShouldBe(["other.io/one"])
        );
        _controller.Log.ShouldNotContain("deleted a");

        await _maps.MergePatchAsync(
            ObjectKey.From(created),
            (JsonObject)JsonNode.Parse("""{"metadata":{"finalizers":null}}""")!,
            Cancellation
        );
        await Eventually.Succeeds(() => _controller.Log.ShouldContain("deleted a"));
    }

    [Fact]
    public async Task A_failed_reconciliation_is_tried_again_until_it_succeeds_and_is_measured()
    {
        using var metrics = new Measurements("controller", "ConfigMap");
        var failures = 3;
        _controller.OnReconcile = (entity, _) =>
            entity.Metadata.Name == "a" && failures-- > 0 ? throw new InvalidOperationException("not yet") : Task.CompletedTask;
        await StartAsync();
        await CreateAsync("a");

        await Eventually.Succeeds(() => _controller.Log.Count(l => l.StartsWith("reconcile a", StringComparison.Ordinal)).ShouldBe(1));
        metrics.Sum("meshoperator.reconciles", "outcome", "error").ShouldBeGreaterThanOrEqualTo(3);
        await Eventually.Succeeds(() => metrics.Sum("meshoperator.reconciles", "outcome", "success").ShouldBeGreaterThan(0));
        metrics.Count("meshoperator.reconcile.duration").ShouldBeGreaterThanOrEqualTo(4);
    }

    [Fact]
    public async Task A_reconciliation_that_takes_too_long_is_cancelled_and_tried_again()
    {
        var first = true;
        _controller.OnReconcile = async (entity, token) =>
        {
            if (entity.Metadata.Name != "a" || !first)
                return;
            first = false;
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, token);
        };
        await StartAsync(options: new ControllerOptions { ReconcileTimeout = TimeSpan.FromMilliseconds(200) });
        await CreateAsync("a");

        await Eventually.Succeeds(() => _controller.Log.ShouldContain("reconcile a "));
    }

    [Fact]
    public async Task When_an_object_is_recreated_the_old_one_is_reported_as_deleted_first()
    {
        var gate = new TaskCompletionSource();
        _controller.OnReconcile = (entity, _) => entity.Metadata.Name == "a" ? gate.Task : Task.CompletedTask;
        await StartAsync();
        var informer = _host!.Services.GetRequiredService<SharedInformer<V1ConfigMap>>();
        var old = await CreateAsync("a");
        await Eventually.Succeeds(() => _controller.Started.ShouldBe(["a"]));
        await _maps.DeleteAsync(ObjectKey.From(old), Cancellation);
        var fresh = await CreateAsync("a");
        await Eventually.Succeeds(() => informer.Objects[ObjectKey.From(fresh)].Metadata.Uid.ShouldBe(fresh.Metadata.Uid));
        gate.SetResult();

        await Eventually.Succeeds(() => _controller.Log.ShouldBe(["reconcile a ", "deleted a", "reconcile a "]));
        _controller.Deleted.ShouldBe([old.Metadata.Uid]);

        // The tombstone is gone: the next deletion is the new one's.
        await _maps.DeleteAsync(ObjectKey.From(fresh), Cancellation);
        await Eventually.Succeeds(() => _controller.Deleted.ShouldBe([old.Metadata.Uid, fresh.Metadata.Uid]));
    }

    [Fact]
    public async Task A_stop_waits_for_what_is_in_flight_and_takes_nothing_new()
    {
        var gate = new TaskCompletionSource();
        _controller.OnReconcile = (entity, _) => entity.Metadata.Name == "a" ? gate.Task : Task.CompletedTask;
        await StartAsync(options: new ControllerOptions { Workers = 1 });
        await CreateAsync("a");
        await Eventually.Succeeds(() => _controller.Started.ShouldBe(["a"]));
        await CreateAsync("b");
        var stop = _host!.StopAsync(Cancellation);
        stop.IsCompleted.ShouldBeFalse();
        gate.SetResult();

        await stop;
        _controller.Log.ShouldBe(["reconcile a "]);
    }

    [Fact]
    public async Task A_stop_cancels_what_does_not_end()
    {
        _controller.OnReconcile = (_, token) => Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, token);
        await StartAsync(options: new ControllerOptions { StopWithin = TimeSpan.FromMilliseconds(100) });
        await CreateAsync("a");
        await Eventually.Succeeds(() => _controller.Started.ShouldNotBeEmpty());

        await _host!.StopAsync(Cancellation);
        _controller.Log.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_stop_after_the_end_is_no_error()
    {
        await StartAsync();
        var services = _host!.Services.GetServices<IHostedService>().ToArray();
        await _host.StopAsync(Cancellation);
        _host.Dispose();
        _host = null;

        foreach (var service in services)
            await service.StopAsync(Cancellation);
    }

    [Fact]
    public async Task Who_no_longer_leads_stops_what_is_in_flight_and_who_leads_again_looks_at_everything()
    {
        var hang = true;
        _controller.OnReconcile = (_, token) =>
            hang ? Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, token) : Task.CompletedTask;
        await StartAsync();
        await CreateAsync("a");
        await Eventually.Succeeds(() => _controller.Started.ShouldBe(["a"]));
        _leadership.Set(false);
        await CreateAsync("b");
        hang = false;
        await Eventually.Succeeds(() => _host!.Services.GetRequiredService<SharedInformer<V1ConfigMap>>().Objects.Count.ShouldBe(2));
        _controller.Log.ShouldBeEmpty();

        _leadership.Set(true);
        await Eventually.Succeeds(() => _controller.Log.Distinct().ShouldBe(["reconcile a ", "reconcile b "], ignoreOrder: true));
    }

    [Fact]
    public void A_finalizer_without_a_domain_is_refused() =>
        Should.Throw<ArgumentException>(() =>
            new ServiceCollection().AddKubernetesOperator().AddFinalizer<TestFinalizer, V1ConfigMap>("cleanup")
        );

    private Task<V1ConfigMap> CreateAsync(string name, params string[] finalizers) =>
        _maps.CreateAsync(
            new V1ConfigMap
            {
                Metadata = new V1ObjectMeta
                {
                    Name = name,
                    NamespaceProperty = _namespace,
                    Finalizers = finalizers.Length > 0 ? finalizers : null,
                },
            },
            Cancellation
        );

    private async Task StartAsync(bool withFinalizer = false, ControllerOptions? options = null)
    {
        var builder = Microsoft.Extensions.Hosting.Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddSingleton(_client);
        builder.Services.AddSingleton(TimeProvider.System);
        builder.Services.AddSingleton(new Random(1));
        builder.Services.AddSingleton<ILeadership>(_leadership);
        builder.Services.AddSingleton(_controller);
        if (options is not null)
            builder.Services.AddSingleton(options);
        var kubernetes = builder
            .Services.AddKubernetesOperator()
            .AddInformer(new InformerOptions<V1ConfigMap> { Namespace = _namespace, FieldSelector = "metadata.name!=kube-root-ca.crt" })
            .AddController<ForwardingController, V1ConfigMap>();
        if (withFinalizer)
            kubernetes.AddFinalizer<TestFinalizer, V1ConfigMap>(Finalizer);
        _host = builder.Build();
        await _host.StartAsync(Cancellation);
        await _host.Services.GetRequiredService<SharedInformer<V1ConfigMap>>().WaitForSyncAsync(Cancellation);
    }

    private sealed class TestController
    {
        public ConcurrentQueue<string> Log { get; } = new();

        public ConcurrentQueue<string> Started { get; } = new();

        public ConcurrentQueue<string> Deleted { get; } = new();

        public Func<V1ConfigMap, CancellationToken, Task> OnReconcile { get; set; } = (_, _) => Task.CompletedTask;

        public int FailFinalize { get; set; }
    }

    private sealed class ForwardingController(TestController test) : IEntityController<V1ConfigMap>
    {
        public async Task<ReconciliationResult<V1ConfigMap>> ReconcileAsync(V1ConfigMap entity, CancellationToken cancellationToken)
        {
            test.Started.Enqueue(entity.Metadata.Name);
            await test.OnReconcile(entity, cancellationToken);
            test.Log.Enqueue($"reconcile {entity.Metadata.Name} {string.Join(',', entity.Metadata.Finalizers ?? [])}");
            return ReconciliationResult<V1ConfigMap>.Success(entity);
        }

        public Task<ReconciliationResult<V1ConfigMap>> DeletedAsync(V1ConfigMap entity, CancellationToken cancellationToken)
        {
            test.Deleted.Enqueue(entity.Metadata.Uid);
            test.Log.Enqueue($"deleted {entity.Metadata.Name}");
            return Task.FromResult(ReconciliationResult<V1ConfigMap>.Success(entity));
        }
    }

    private sealed class TestFinalizer(TestController test) : IEntityFinalizer<V1ConfigMap>
    {
        public Task<ReconciliationResult<V1ConfigMap>> FinalizeAsync(V1ConfigMap entity, CancellationToken cancellationToken)
        {
            test.Log.Enqueue($"finalize {entity.Metadata.Name}");
            return Task.FromResult(
                test.FailFinalize-- > 0
                    ? ReconciliationResult<V1ConfigMap>.Failure(entity, "not yet")
                    : ReconciliationResult<V1ConfigMap>.Success(entity)
            );
        }
    }
}
