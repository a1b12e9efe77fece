using System.Net;
using MeshOperator.EndToEnd.Clients;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>Which replica gets a request, by LoadBalancingPolicy.</summary>
public sealed class LoadBalancingScenarios(TestMesh mesh, SharedNamespace shared) : SharedScenario(mesh, shared, "balancing", proxies: 4)
{
    private static readonly TimeSpan AtOnce = TimeSpan.FromSeconds(1);

    private Client Caller => Workload("client").Client;

    private protected override Task DeployAsync(TestNamespace ns) =>
        Task.WhenAll(
            ns.DeployAsync(new WorkloadSpec("model") { Replicas = 3, Ports = [Port.Http, Port.Grpc] }),
            ns.DeployAsync(
                new WorkloadSpec("plain")
                {
                    Replicas = 3,
                    Ports = [Port.Http, Port.Grpc],
                    IsMeshed = false,
                }
            ),
            ns.DeployAsync("client")
        );

    [Fact]
    public async Task Endpoints_take_turns()
    {
        var model = await AliasAsync("model", Port.Http);
        await Namespace.ApplyAsync(Policy(model, "method: RoundRobin"));

        var replies = await Caller.RepeatAsync(60, $"http://{model}/");

        replies.CountBy(reply => reply.Pod).Select(pod => pod.Value).ShouldBe([20, 20, 20]);
    }

    [Theory]
    [InlineData("hash: {header: x-conversation}", "x-conversation: ")]
    [InlineData("hash: {cookie: {name: conversation}}", "cookie: conversation=")]
    public async Task Requests_with_the_same_key_go_to_the_same_endpoint_also_through_a_split(string hash, string header)
    {
        var (model, other) = (await AliasAsync("model", Port.Http), await AliasAsync("model", Port.Http));
        await Namespace.ApplyAsync(
            $$"""
            apiVersion: meshoperator.io/v1alpha1
            kind: TrafficSplit
            metadata: {name: {{model}}}
            spec:
              service: {{model}}
              backends: [{service: {{model}}, weight: 1}, {service: {{other}}, weight: 1}]
            """
        );
        await Namespace.ApplyAsync(Policy(model, $"method: Hash, {hash}"));

        var pods = new List<string>();
        for (var key = 0; key < 20; key++)
        {
            var replies = await Caller.RepeatAsync(10, $"http://{model}/", $"{header}{key}");
            pods.Add(replies.Select(reply => reply.Pod).Distinct().ShouldHaveSingleItem());
        }

        pods.Distinct().Count().ShouldBe(3, string.Join(", ", pods));
    }

    [Fact]
    public async Task Endpoints_that_report_get_requests_by_what_they_can_do() =>
        (await PartOfSmallAsync("rate", "blackoutPeriod: 1s")).ShouldBeInRange(0.09, 0.20);

    [Fact]
    public async Task Endpoints_that_report_out_of_band_get_requests_by_what_they_can_do() =>
        (await PartOfSmallAsync("none", "reportingPeriod: 1s, blackoutPeriod: 1s", "plain", Port.Grpc)).ShouldBeInRange(0.09, 0.20);

    [Fact]
    public async Task Endpoints_with_mutual_TLS_are_not_asked_out_of_band_but_have_their_responses_read() =>
        (await PartOfSmallAsync("rate", "reportingPeriod: 1s, blackoutPeriod: 1s")).ShouldBeInRange(0.09, 0.20);

    [Theory]
    [InlineData("vllm", "named_metrics.kv_cache_usage_perc")]
    [InlineData("triton", "named_metrics.kv_cache_utilization")]
    public async Task Endpoints_that_report_when_asked_and_without_a_rate_get_requests_by_the_root_of_what_they_can_do(
        string server,
        string metric
    ) => (await PartOfSmallAsync(server, $"metricNames: [{metric}], askForReports: true, blackoutPeriod: 1s")).ShouldBeInRange(0.17, 0.28);

    [Fact]
    public async Task Endpoints_whose_reports_have_no_rate_get_equal_parts_if_they_are_not_asked() =>
        (await PartOfSmallAsync("vllm", "metricNames: [named_metrics.kv_cache_usage_perc], blackoutPeriod: 1s")).ShouldBeInRange(
            0.31,
            0.36
        );

    [Fact]
    public async Task Reports_that_were_asked_for_do_not_reach_the_client()
    {
        var model = await AliasAsync("model", Port.Http);
        await Namespace.ApplyAsync(Policy(model, "method: Utilization, utilization: {askForReports: true}"));

        var reply = await Caller.GetAsync($"http://{model}/", "x-load-report: vllm");

        reply.Arrived("endpoint-load-metrics-format").ShouldBe("text");
        reply.Headers.Keys.ShouldNotContain("endpoint-load-metrics");
    }

    [Fact]
    public async Task Endpoint_that_was_added_begins_with_a_small_part()
    {
        var own = await NamespaceAsync("slow-start", proxies: 4);
        var model = await own.DeployAsync("model", replicas: 2);
        var client = (await own.DeployAsync("client")).Client;
        await own.ApplyAsync(Policy("model", "slowStart: {window: 10s}"));
        var old = model.Pods.Select(pod => pod.Name).ToHashSet();
        LoadResult? first = null;

        var load = await client.LoadAsync(
            "http://model/",
            rate: 60,
            during: async running =>
            {
                await running.GoOnAsync(TimeSpan.FromSeconds(11));
                await model.ScaleAsync(3);
                await Eventually.Succeeds(() => running.SoFar.Samples.ShouldContain(sample => !old.Contains(sample.Pod)));
                var added = running.Now;
                await running.GoOnAsync(TimeSpan.FromSeconds(3));
                first = running.SoFar.Between(added, running.Now);
            },
            "x-delay: 100"
        );

        load.Failed.ShouldBe(0, load.ToString());
        (first!.Samples.Count(sample => !old.Contains(sample.Pod)) / (double)first.Total).ShouldBeInRange(0, 0.2);
    }

    [Fact]
    public async Task Callers_use_as_many_endpoints_as_the_policy_says_and_each_has_others()
    {
        var own = await NamespaceAsync("parts", proxies: 4);
        var model = new WorkloadSpec("model") { Replicas = 6, IsMeshed = false };
        var (_, callers) = (await own.DeployAsync(model), await own.DeployAsync("client", replicas: 4));
        var policy = Policy("model", "method: RoundRobin, endpointsPerCaller: 2");
        await own.WaitUntilProxiesKnowAllAsync();
        await own.ApplyAsync(policy);

        var used = new List<string>();
        foreach (var caller in callers.Pods)
        {
            var replies = await callers.FindClient(caller).RepeatAsync(24, "http://model/");
            var pods = replies.CountBy(reply => reply.Pod).ToList();
            // 128 windows of 2 1/64 of the six: a few reach into a third endpoint.
            pods.Count.ShouldBeInRange(2, 3, $"from {caller.Name}");
            pods.ShouldAllBe(pod => pod.Value == 24 / pods.Count);
            used.Add(string.Join(' ', pods.Select(pod => pod.Key).Order(StringComparer.Ordinal)));
        }

        used.Distinct().Count().ShouldBeGreaterThan(1);
        await own.ApplyAsync(policy.Replace(", endpointsPerCaller: 2", "", StringComparison.Ordinal));
        await Eventually.Succeeds(async () =>
            (await callers.Client.RepeatAsync(12, "http://model/")).Select(reply => reply.Pod).Distinct().Count().ShouldBe(6)
        );
    }

    [Theory]
    [InlineData(60, false)]
    [InlineData(70, true)]
    public async Task Endpoint_that_was_ejected_is_called_only_if_too_few_others_are_left(int panicThreshold, bool isCalled)
    {
        var model = await AliasAsync("model", Port.Http);
        await Namespace.ApplyAsync(Policy(model, $"method: RoundRobin, panicThreshold: {panicThreshold}"));
        await Namespace.ApplyAsync(
            $$"""
            apiVersion: meshoperator.io/v1alpha1
            kind: CircuitBreaker
            metadata: {name: {{model}}}
            spec:
              targetRefs: [{kind: Service, name: {{model}}}]
              outlierDetection: {consecutive5xx: 3, interval: 1s, baseEjectionTime: 60s}
            """
        );
        var broken = Workload("model").Pods[0].Name;
        await Eventually.Succeeds(async () =>
        {
            await Caller.RepeatAsync(12, $"http://{model}/", $"x-fail-at: {broken}");
            var ejections = $"/stats?filter=^cluster.outbound/80/.*/{model}.outlier_detection.ejections_active";
            (await Workload("client").Pods[0].Proxy!.AdminAsync(ejections)).ShouldEndWith(": 1\n");
        });

        var replies = await Caller.RepeatAsync(30, $"http://{model}/");

        replies.ShouldAllBe(reply => reply.Status == HttpStatusCode.OK);
        replies.Any(reply => reply.Pod == broken).ShouldBe(isCalled);
    }

    [Fact]
    public async Task Service_without_ready_endpoints_answers_503_at_once_and_its_first_pod_is_called_within_a_second()
    {
        var own = await NamespaceAsync("from-zero", proxies: 2);
        var model = await own.DeployAsync("model", replicas: 0);
        var client = (await own.DeployAsync("client")).Client;
        await Eventually.Succeeds(async () =>
        {
            var none = await client.GetAsync("http://model/");
            none.Status.ShouldBe(HttpStatusCode.ServiceUnavailable);
            none.Body.ShouldContain("no healthy upstream");
            none.Elapsed.ShouldBeLessThan(AtOnce);
        });

        await model.ScaleAsync(1);

        await Eventually.Succeeds(async () => (await client.GetAsync("http://model/")).Status.ShouldBe(HttpStatusCode.OK), AtOnce);
    }

    /// <summary>The part that an endpoint which can do a third of the others' gets, once reports count: a seventh by what they can
    /// do.</summary>
    private async Task<double> PartOfSmallAsync(string server, string reports, string workload = "model", Port? port = null)
    {
        var (model, small) = (await AliasAsync(workload, Port.Http, Port.Grpc), Workload(workload).Pods[0].Name);
        await Namespace.ApplyAsync(Policy(model, $"method: Utilization, utilization: {{{reports}}}"));
        LoadResult? counted = null;

        var load = await Caller.LoadAsync(
            $"http://{model}:{(port ?? Port.Http).Number}/",
            rate: 150,
            during: async running =>
            {
                await running.GoOnAsync(TimeSpan.FromSeconds(4));
                var from = running.Now;
                await running.GoOnAsync(TimeSpan.FromSeconds(4));
                counted = running.SoFar.Between(from, running.Now);
            },
            $"x-load-report: {server}",
            $"x-small-at: {small}"
        );

        load.Failed.ShouldBe(0, load.ToString());
        return counted!.Samples.Count(sample => sample.Pod == small) / (double)counted.Total;
    }

    private static string Policy(string service, string spec) =>
        $"{{apiVersion: meshoperator.io/v1alpha1, kind: LoadBalancingPolicy, metadata: {{name: {service}}}, "
        + $"spec: {{targetRefs: [{{kind: Service, name: {service}}}], {spec}}}}}";
}
