using System.Text.Json.Nodes;
using Grpc.Core;
using MeshOperator.Api.Policies;
using MeshOperator.IntegrationTests.Support;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Settings;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.IntegrationTests;

/// <summary>Gradual shifts that ask servers of this machine, which the operator's option lists by their address, and whose transitions are
/// announced to one.</summary>
public sealed class ShiftCheckTests(TestCluster cluster)
{
    [Fact]
    public async Task A_webhook_that_answers_no_three_times_in_a_row_has_the_shift_rolled_back()
    {
        await using var judge = new SmallServer(_ => SmallServer.Respond(500));
        await using var mesh = await StartAsync(judge);
        await using var scene = await SplitScene.CreateAsync(cluster, "caller-0");

        await ShiftAsync(scene, mesh, $"webhook: {{url: '{judge.Url}/check?x=1', interval: 1s, metadata: {{type: cmd, cmd: hey}} }}");
        await EventuallyAsync(
            scene,
            shift =>
            {
                shift.Phase.ShouldBe(ShiftPhase.RolledBack);
                shift.Reason.ShouldBe("webhook: it answered 500, 3 times in a row");
            }
        );

        await Eventually.Succeeds(async () =>
            (await MetricsPage.ReadAsync(mesh)).ShouldMatch(
                $"meshoperator_shift_abort_seconds_count\\{{[^}}]*namespace=\"{scene.Name}\"[^}}]*\\}} 1\\s"
            )
        );
        judge.Requests.Count.ShouldBe(3);
        var request = judge.Requests.First();
        request.ShouldStartWith("POST /check?x=1 HTTP/1.1\r\n");
        request.ShouldContain("Content-Type: application/json\r\n");
        var payload = JsonNode.Parse(request[request.IndexOf('{', StringComparison.Ordinal)..])!;
        payload["name"]!.ToString().ShouldBe(SplitScene.Split);
        payload["namespace"]!.ToString().ShouldBe(scene.Name);
        payload["phase"]!.ToString().ShouldBe("Progressing");
        payload["checksum"]!.ToString().Length.ShouldBe(16);
        payload["metadata"]!["cmd"]!.ToString().ShouldBe("hey");
    }

    [Fact]
    public async Task A_query_is_asked_with_its_placeholders_filled_in()
    {
        await using var prometheus = new SmallServer(_ => SmallServer.RespondSample("0.011"));
        await using var mesh = await StartAsync(prometheus);
        await using var scene = await SplitScene.CreateAsync(cluster, "caller-0");

        await ShiftAsync(
            scene,
            mesh,
            $"prometheus: {{url: '{prometheus.Url}/select/', query: 'x{{ns=\"{{{{ namespace }}}}\",a=\"{{{{ target }}}}\"}}', max: '0.02'}}"
        );
        await EventuallyAsync(scene, shift => shift.Reason.ShouldBe("0 of 500 requests; prometheus: 0.011"));

        var query = Uri.EscapeDataString($"x{{ns=\"{scene.Name}\",a=\"model-v2\"}}");
        prometheus.Requests.First().ShouldStartWith($"GET /select/api/v1/query?query={query} HTTP/1.1\r\n");
    }

    [Fact]
    public async Task A_server_that_does_not_answer_keeps_nothing_from_going_on()
    {
        await using var silent = new SmallServer(_ => string.Empty);
        await using var mesh = await StartAsync(silent);
        await using var scene = await SplitScene.CreateAsync(cluster, "caller-0");

        await ShiftAsync(scene, mesh, $"webhook: {{url: '{silent.Url}', interval: 1s}}");
        await Eventually.Succeeds(() => silent.Requests.ShouldNotBeEmpty());
        await scene.CommandAsync("pause model-v2");
        await EventuallyAsync(scene, shift => shift.Phase.ShouldBe(ShiftPhase.Paused));

        silent.Requests.Count.ShouldBe(1);
    }

    [Theory]
    [InlineData("http://judge.elsewhere/check", "'judge.elsewhere' is not a Service of the namespace")]
    [InlineData("http://127.0.0.1:1/check", "'127.0.0.1' is not a Service of the namespace")]
    [InlineData("https://judge/check", "'https://judge/check' is https to a Service; write http")]
    public async Task Urls_of_others_are_refused_at_admission(string url, string problem)
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var scene = await SplitScene.CreateAsync(cluster);

        var refusal = await Should.ThrowAsync<KubernetesApiException>(() => ApplyAsync(scene, $"webhook: {{url: '{url}'}}"));

        refusal.Message.ShouldContain($"TrafficSplit {scene.Name}/model: spec.shift.checks[0].webhook.url: {problem}");
    }

    [Fact]
    public async Task Only_so_many_shifts_of_a_namespace_are_in_progress_at_once()
    {
        await using var mesh = await TestOperator.StartAsync(cluster, o => o with { MaxShiftsPerNamespace = 1 });
        await using var scene = await SplitScene.CreateAsync(cluster, "caller-0");
        await EndpointsAsync(scene);
        await ApplyAsync(scene, null);
        await EventuallyAsync(scene, shift => shift.Phase.ShouldBe(ShiftPhase.Progressing));

        await ApplyAsync(scene, null, "later", "model-v1");
        await EventuallyAsync(
            scene,
            shift =>
            {
                shift.Phase.ShouldBe(ShiftPhase.Pending);
                shift.Reason.ShouldBe("at most 1 of a namespace's shifts are in progress at once; waiting for one of model");
            },
            "later"
        );
        await scene.CommandAsync("abort model-v2");

        await EventuallyAsync(scene, shift => shift.Phase.ShouldBe(ShiftPhase.Progressing), "later");
    }

    [Fact]
    public async Task Transitions_are_announced_as_CloudEvents()
    {
        await using var chat = new SmallServer(_ => SmallServer.Respond(202));
        await using var mesh = await TestOperator.StartAsync(cluster, o => o with { ShiftEventsUrl = new Uri($"{chat.Url}/hook") });
        await using var scene = await SplitScene.CreateAsync(cluster, "caller-0");

        await EndpointsAsync(scene);
        await ApplyAsync(scene, null);
        await Eventually.Succeeds(() => Types(chat).ShouldBe(["pending", "begun"]));
        await scene.CommandAsync("abort model-v2");

        await Eventually.Succeeds(() => Types(chat).ShouldBe(["pending", "begun", "rolled-back"]));
        chat.Requests.Last().ShouldStartWith("POST /hook HTTP/1.1\r\n");
        chat.Requests.Last().ShouldContain("\"reason\":\"aborted by a person\"");
    }

    private Task<TestOperator> StartAsync(SmallServer asked) =>
        TestOperator.StartAsync(cluster, o => o with { ShiftCheckHosts = CheckHosts.Parse(asked.Address.ToString()) });

    private static IEnumerable<string> Types(SmallServer chat) =>
        chat.Requests.Select(request => request.Split("\"type\":\"io.meshoperator.shift.")[1].Split('"')[0]);

    /// <summary>Begins a shift with a check, and has its step acknowledged.</summary>
    private static async Task ShiftAsync(SplitScene scene, TestOperator mesh, string check)
    {
        await EndpointsAsync(scene);
        var proxy = await scene.AcknowledgeAsync(mesh, "caller-0");
        _ = AcknowledgeAsync(proxy);
        await ApplyAsync(scene, check);
    }

    private static Task EndpointsAsync(SplitScene scene) =>
        scene.ApplyAsync(
            $$"""
            apiVersion: discovery.k8s.io/v1
            kind: EndpointSlice
            metadata:
              name: model-v2-ready
              namespace: {{scene.Name}}
              labels: {kubernetes.io/service-name: model-v2}
            addressType: IPv4
            ports: [{name: http, port: 8080}]
            endpoints: [{addresses: [10.1.2.3], conditions: {ready: true} }]
            """
        );

    private static Task ApplyAsync(SplitScene scene, string? check, string name = SplitScene.Split, string service = "model") =>
        scene.ApplyAsync(
            $$"""
            apiVersion: meshoperator.io/v1alpha1
            kind: TrafficSplit
            metadata: {name: {{name}}, namespace: {{scene.Name}}}
            spec:
              service: {{service}}
              backends: [{service: model-v1}, {service: model-v2}]
              shift:
                to: model-v2
                steps: [{weight: 50, hold: 1h}]
                checks: [{{(check is null ? string.Empty : $"{{{check}}}")}}]
            """
        );

    private static Task EventuallyAsync(SplitScene scene, Action<ShiftStatus> holds, string name = SplitScene.Split) =>
        scene.EventuallyAsync(split => holds(split.Status.ShouldNotBeNull().Shifts.ShouldNotBeNull().ShouldHaveSingleItem()), name);

    private static async Task AcknowledgeAsync(DeltaClient proxy)
    {
        await using (proxy)
        {
            try
            {
                while (await proxy.ReadAsync(TestContext.Current.CancellationToken) is { } response)
                    await proxy.AcknowledgeAsync(response);
            }
            catch (Exception e) when (e is OperationCanceledException or RpcException or ObjectDisposedException)
            {
                // The test is over, or its operator.
            }
        }
    }
}
