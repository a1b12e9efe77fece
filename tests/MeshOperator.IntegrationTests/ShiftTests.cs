using Envoy.Config.Core.V3;
using Envoy.Config.Endpoint.V3;
using Envoy.Service.Discovery.V3;
using Envoy.Service.LoadStats.V3;
using Grpc.Core;
using Grpc.Net.Client;
using MeshOperator.Api;
using MeshOperator.Api.Policies;
using MeshOperator.IntegrationTests.Support;
using MeshOperator.Listeners;
using MeshOperator.Testing;
using MeshOperator.Xds.LoadStats;
using MeshOperator.Xds.Resources;
using Shouldly;
using Xunit;

namespace MeshOperator.IntegrationTests;

/// <summary>Gradual shifts whose callers are connected to different replicas.</summary>
public sealed class ShiftTests(TestCluster cluster)
{
    [Fact]
    public async Task A_shift_goes_on_from_where_it_is_when_another_replica_leads()
    {
        await using var first = await TestOperator.StartAsync(cluster, o => o with { OwnWebhookConfigurations = false });
        await using var scene = await SplitScene.CreateAsync(cluster, "caller-0");
        await EndpointsAsync(scene);
        await using (var proxy = await scene.AcknowledgeAsync(first, "caller-0"))
        {
            await ShiftAsync(scene, "steps: [{weight: 10, hold: 1s, approval: Required}, {weight: 50, hold: 1h}]");
            await AcknowledgeUntilAsync(scene, proxy, shift => shift.Phase.ShouldBe(ShiftPhase.AwaitingApproval));
        }

        await first.StopAsync();

        await using var second = await TestOperator.StartAsync(cluster, o => o with { OwnWebhookConfigurations = false });
        await scene.CommandAsync("approve model-v2/1");
        await using var again = await scene.AcknowledgeAsync(second, "caller-0");
        await AcknowledgeUntilAsync(
            scene,
            again,
            shift =>
            {
                shift.Phase.ShouldBe(ShiftPhase.Progressing);
                shift.Weight.ShouldBe(50);
                shift.AcknowledgedAt.ShouldNotBeNull();
            }
        );
    }

    [Fact]
    public async Task What_callers_count_at_all_replicas_is_added_up_and_a_bad_version_is_rolled_back()
    {
        await using var leader = await TestOperator.StartAsync(cluster, o => o with { ElectionIdentity = "first" });
        await using var scene = await SplitScene.CreateAsync(cluster, "caller-0", "caller-1");
        await EndpointsAsync(scene);
        await using var other = await leader.StartAnotherAsync(o =>
            o with
            {
                ElectionIdentity = "second",
                OwnWebhookConfigurations = false,
            }
        );
        await using var proxy0 = await scene.AcknowledgeAsync(leader, "caller-0");
        await using var proxy1 = await scene.AcknowledgeAsync(other, "caller-1");
        using var loads0 = new Reporter(leader, $"caller-0.{scene.Name}");
        using var loads1 = new Reporter(other, $"caller-1.{scene.Name}");

        await ShiftAsync(scene, "steps: [{weight: 50, hold: 1h}], checks: [{successRate: {min: 99}}]");
        await Task.WhenAll(
            loads0.ReportAsync(scene.Name, good: 0, bad: 0),
            loads1.ReportAsync(scene.Name, good: 0, bad: 0),
            AcknowledgeUntilAsync(scene, proxy0, shift => shift.AcknowledgedAt.ShouldNotBeNull()),
            AcknowledgeUntilAsync(scene, proxy1, shift => shift.AcknowledgedAt.ShouldNotBeNull())
        );
        await loads0.ReportAsync(scene.Name, good: 300, bad: 0);
        await loads1.ReportAsync(scene.Name, good: 400, bad: 0);
        await EventuallyAsync(
            scene,
            shift => shift.Reason.ShouldBe("successRate 100.00% of 700 requests to model-v2 (the others 100.00%)")
        );

        await loads1.ReportAsync(scene.Name, good: 50, bad: 50);
        await EventuallyAsync(
            scene,
            shift =>
            {
                shift.Phase.ShouldBe(ShiftPhase.RolledBack);
                shift.Weight.ShouldBe(0);
                shift.Reason.ShouldBe("successRate 93.75% of 800 requests to model-v2 (the others 100.00%), min 99%");
            }
        );
    }

    [Fact]
    public async Task A_step_begins_when_the_callers_report_so_that_no_request_is_missing_in_its_counts()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var scene = await SplitScene.CreateAsync(cluster, "caller-0");
        await EndpointsAsync(scene);
        await using var proxy = await scene.AcknowledgeAsync(mesh, "caller-0");

        await ShiftAsync(scene, "steps: [{weight: 50, hold: 1h}], checks: [{successRate: {min: 99}}]");
        await AcknowledgeUntilAsync(
            scene,
            proxy,
            shift =>
            {
                shift.Reason.ShouldBe("0 of 1 proxies report what they count");
                shift.AcknowledgedAt.ShouldBeNull();
            }
        );

        using var loads = new Reporter(mesh, $"caller-0.{scene.Name}");
        await loads.ReportAsync(scene.Name, good: 70, bad: 0);
        await EventuallyAsync(scene, shift => shift.AcknowledgedAt.ShouldNotBeNull());
        await loads.ReportAsync(scene.Name, good: 30, bad: 0);
        await EventuallyAsync(
            scene,
            shift => shift.Reason.ShouldNotBeNull().ShouldContain("successRate 100.00% of 30 requests to model-v2")
        );
    }

    [Fact]
    public async Task A_caller_that_does_not_report_makes_the_checks_inconclusive()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var scene = await SplitScene.CreateAsync(cluster, "caller-0", "caller-1");
        await EndpointsAsync(scene);
        await using var proxy0 = await scene.AcknowledgeAsync(mesh, "caller-0");
        await using var proxy1 = await scene.AcknowledgeAsync(mesh, "caller-1");
        using var loads = new Reporter(mesh, $"caller-0.{scene.Name}");

        await ShiftAsync(scene, "steps: [{weight: 50, hold: 1s}], checks: [{successRate: {min: 99}}]");
        await Task.WhenAll(
            loads.ReportAsync(scene.Name, good: 0, bad: 0),
            AcknowledgeUntilAsync(scene, proxy0, shift => shift.AcknowledgedAt.ShouldNotBeNull()),
            AcknowledgeUntilAsync(scene, proxy1, shift => shift.AcknowledgedAt.ShouldNotBeNull())
        );
        await loads.ReportAsync(scene.Name, good: 5000, bad: 0);

        await EventuallyAsync(
            scene,
            shift =>
            {
                shift.Reason.ShouldStartWith($"1 of 2 proxies report what they count, not caller-1.{scene.Name}; ");
                shift.Weight.ShouldBe(50);
            }
        );
    }

    [Fact]
    public async Task A_proxy_that_rejects_a_step_stops_the_shift_and_is_named()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var scene = await SplitScene.CreateAsync(cluster, "caller-0");
        await EndpointsAsync(scene);
        await using var proxy = await scene.AcknowledgeAsync(mesh, "caller-0");

        await ShiftAsync(scene, "steps: [{weight: 20, hold: 1h}]");
        var rejecting = RejectAsync(proxy, "no such field");

        await EventuallyAsync(
            scene,
            shift =>
            {
                shift.Phase.ShouldBe(ShiftPhase.Held);
                shift.Weight.ShouldBe(20);
                shift.Reason.ShouldNotBeNull().ShouldMatch($"^caller-0[.]{scene.Name} rejected .*: no such field$");
            }
        );
        await scene.EventuallyAsync(split =>
            split
                .Status.ShouldNotBeNull()
                .Conditions.Where(condition => condition.Type is ConditionTypes.Ready or ConditionTypes.Stalled)
                .Select(condition => (condition.Status, condition.Reason))
                .ShouldBe([("False", ConditionReasons.ShiftHeld), ("True", ConditionReasons.ShiftHeld)], ignoreOrder: true)
        );
        rejecting.IsFaulted.ShouldBeFalse();
    }

    /// <summary>Gives both versions an endpoint.</summary>
    private static async Task EndpointsAsync(SplitScene scene)
    {
        foreach (var service in new[] { "model-v1", "model-v2" })
            await scene.ApplyAsync(
                $$"""
                apiVersion: discovery.k8s.io/v1
                kind: EndpointSlice
                metadata:
                  name: {{service}}-ready
                  namespace: {{scene.Name}}
                  labels: {kubernetes.io/service-name: {{service}}}
                addressType: IPv4
                ports: [{name: http, port: 8080}]
                endpoints: [{addresses: [10.1.2.3], conditions: {ready: true} }]
                """
            );
    }

    private static Task ShiftAsync(SplitScene scene, string shift) =>
        scene.ApplyAsync(
            $$"""
            apiVersion: meshoperator.io/v1alpha1
            kind: TrafficSplit
            metadata: {name: {{SplitScene.Split}}, namespace: {{scene.Name}}}
            spec:
              service: model
              backends: [{service: model-v1}, {service: model-v2}]
              shift: {to: model-v2, {{shift}}}
            """
        );

    private static Task EventuallyAsync(SplitScene scene, Action<ShiftStatus> holds) =>
        scene.EventuallyAsync(split => holds(split.Status.ShouldNotBeNull().Shifts.ShouldNotBeNull().ShouldHaveSingleItem()));

    /// <summary>Has a proxy acknowledge all that it is sent as long as it is there, and waits until something holds.</summary>
    private static async Task AcknowledgeUntilAsync(SplitScene scene, DeltaClient proxy, Action<ShiftStatus> holds)
    {
        var acknowledging = AcknowledgeAsync(proxy);
        await EventuallyAsync(scene, holds);
        acknowledging.IsFaulted.ShouldBeFalse();
    }

    private static Task AcknowledgeAsync(DeltaClient proxy) => AnswerAsync(proxy, proxy.AcknowledgeAsync);

    private static Task RejectAsync(DeltaClient proxy, string reason) =>
        AnswerAsync(proxy, response => proxy.RejectAsync(response, reason));

    private static async Task AnswerAsync(DeltaClient proxy, Func<DeltaDiscoveryResponse, Task> answer)
    {
        try
        {
            while (await proxy.ReadAsync(TestContext.Current.CancellationToken) is { } response)
                await answer(response);
        }
        catch (Exception e) when (e is OperationCanceledException or RpcException or ObjectDisposedException)
        {
            // The test is over, or its operator.
        }
    }

    /// <summary>A caller's proxy that reports what it is asked for.</summary>
    private sealed class Reporter : IDisposable
    {
        private readonly GrpcChannel _channel;
        private readonly AsyncDuplexStreamingCall<LoadStatsRequest, LoadStatsResponse> _call;
        private readonly string _nodeId;
        private bool _isAsked;

        public Reporter(TestOperator mesh, string nodeId)
        {
            _nodeId = nodeId;
            _channel = GrpcChannel.ForAddress($"http://{mesh.Host.Ports[ListenerKind.PlaintextXds]}");
            _call = _channel.CreateCallInvoker().AsyncDuplexStreamingCall(LoadStatsMethods.Stream, null, new CallOptions());
        }

        /// <summary>Reports once it is asked, of both versions.</summary>
        /// <param name="ns">The namespace.</param>
        /// <param name="good">Requests to the target that succeeded.</param>
        /// <param name="bad">Requests to the target that failed.</param>
        public async Task ReportAsync(string ns, ulong good, ulong bad)
        {
            var (target, other) = ($"outbound/80/model-v2.{ns}/shift/model/backends", $"outbound/80/model-v1.{ns}/shift/model/backends");
            if (!_isAsked)
            {
                await _call.RequestStream.WriteAsync(new LoadStatsRequest { Node = new Node { Id = _nodeId } });
                do (await _call.ResponseStream.MoveNext(TestContext.Current.CancellationToken)).ShouldBeTrue();
                while (!_call.ResponseStream.Current.Clusters.Contains(target));
                _call.ResponseStream.Current.Clusters.ShouldContain(other);
                _isAsked = true;
            }

            await _call.RequestStream.WriteAsync(
                new LoadStatsRequest { ClusterStats = { Stats(target, good, bad), Stats(other, 100, 0) } }
            );
        }

        public void Dispose()
        {
            _call.Dispose();
            _channel.Dispose();
        }

        private static ClusterStats Stats(string cluster, ulong good, ulong bad) =>
            new()
            {
                ClusterName = cluster,
                UpstreamLocalityStats =
                {
                    new UpstreamLocalityStats { TotalSuccessfulRequests = good, TotalErrorRequests = bad },
                },
            };
    }
}
