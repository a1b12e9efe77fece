using System.Net;
using MeshOperator.EndToEnd.Checks;
using MeshOperator.EndToEnd.Cluster;
using MeshOperator.EndToEnd.Node;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>Gradual shifts whose checks ask others: a server of the mesh, and a real Prometheus.</summary>
public sealed class ShiftCheckScenarios(TestMesh mesh, SharedNamespace shared) : SharedScenario(mesh, shared, "asked", proxies: 4)
{
    private const int PrometheusPort = 9090;
    private string _web = string.Empty;

    private Clients.Client Caller => Workload("client").Client;

    private ShiftUnderTest Shift => new(Mesh, Namespace, _web);

    private static string Operator => $"spiffe://cluster.local/ns/{OperatorUnderTest.Namespace}/sa/mesh-operator";

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _web = await AliasAsync("web");
    }

    private protected override async Task DeployAsync(TestNamespace ns) =>
        await Task.WhenAll(
            ns.DeployAsync("web"),
            ns.DeployAsync("canary"),
            ns.DeployAsync("client"),
            ns.DeployAsync("judge", account: "judge"),
            ns.DeployAsync(new WorkloadSpec("prometheus") { IsMeshed = false, Ports = [new Port("http", PrometheusPort, PrometheusPort)] })
        );

    [Fact]
    public async Task Judge_of_the_mesh_is_asked_by_mutual_TLS_with_an_identity_that_its_access_rule_names()
    {
        await JudgeAllowsAsync(Operator);
        (await Caller.GetAsync("http://judge/status/200")).Status.ShouldBe(HttpStatusCode.Forbidden);

        await ShiftAsync("webhook: {url: http://judge/status/200, interval: 2s}", hold: "4s");
        var load = await Caller.LoadAsync($"http://{_web}/", rate: 30, during: _ => Shift.UntilAsync("Completed"));

        load.Failed.ShouldBe(0, load.ToString());
        (await Shift.ReasonAsync()).ShouldContain("webhook: it answered 200");
    }

    [Fact]
    public async Task Judge_that_answers_no_has_the_shift_rolled_back()
    {
        await JudgeAllowsAsync(Operator);

        await ShiftAsync("webhook: {url: http://judge/status/500, interval: 2s}", hold: "600s");
        var load = await Caller.LoadAsync($"http://{_web}/", rate: 30, during: _ => Shift.UntilAsync("RolledBack"));

        load.Failed.ShouldBe(0, load.ToString());
        (await Shift.ReasonAsync()).ShouldBe("webhook: it answered 500, 3 times in a row");
    }

    [Fact]
    public async Task Judge_whose_access_rule_does_not_name_the_operator_leaves_the_shift_where_it_is_and_the_reason_says_so()
    {
        await JudgeAllowsAsync($"spiffe://cluster.local/ns/{Namespace.Name}/sa/somebody");

        await ShiftAsync("webhook: {url: http://judge/status/200, interval: 1s}", hold: "1s");

        await Shift.UntilAsync(shift =>
            shift["reason"]!
                .ToString()
                .ShouldContain("webhook: its sidecar denies the operator; add an access rule that allows the operator's identity")
        );
        (await Shift.StatusAsync())["shifts"]![0]!["weight"]!.GetValue<int>().ShouldBe(50);
    }

    [Fact]
    public async Task Prometheus_that_reads_the_callers_sidecar_lets_a_good_version_pass_and_has_a_bad_one_rolled_back()
    {
        Requirements.Check(Programs.Find("prometheus") is null ? "this test needs prometheus on the PATH" : null);
        await using var prometheus = await StartPrometheusAsync();
        const string check = """
            prometheus: {
              url: http://prometheus:9090,
              query: 'sum(rate(envoy_cluster_upstream_rq{destination_service="{{ target }}",envoy_response_code=~"5.."}[15s])
                or vector(0)) / sum(rate(envoy_cluster_upstream_rq{destination_service="{{ target }}"}[15s]))',
              max: "0.05", interval: 2s}
            """;

        await ShiftAsync(check, hold: "8s");
        var good = await Caller.LoadAsync($"http://{_web}/", rate: 40, during: _ => Shift.UntilAsync("Completed"));
        good.Failed.ShouldBe(0, good.ToString());

        await Namespace.DeleteAsync("TrafficSplit", _web);
        await ShiftAsync(check, hold: "600s");
        var bad = await Caller.LoadAsync(
            $"http://{_web}/",
            rate: 40,
            during: _ => Shift.UntilAsync("RolledBack"),
            $"x-fail-at: {Workload("canary").Pods[0].Name}",
            "x-fail-each: 3"
        );
        bad.Failed.ShouldBeGreaterThan(0, bad.ToString());
        (await Shift.ReasonAsync()).ShouldContain(", max 0.05, 3 times in a row");
    }

    /// <summary>A Prometheus in the network of a pod without a proxy, which reads the caller's sidecar.</summary>
    private async Task<ChildProcess> StartPrometheusAsync()
    {
        var folder = Directory.CreateTempSubdirectory("prometheus").FullName;
        var sidecar = $"{Workload("client").Pods[0].Network.Address}:15090";
        await File.WriteAllTextAsync(
            Path.Combine(folder, "prometheus.yml"),
            "scrape_configs: [{job_name: sidecar, scrape_interval: 1s, metrics_path: /stats/prometheus, "
                + $"static_configs: [{{targets: ['{sidecar}']}}]}}]"
        );
        var network = Workload("prometheus").Pods[0].Network.Namespace;
        return await ChildProcess.StartAsync(
            network,
            "exec setpriv --pdeathsig KILL prometheus \"$@\"",
            [
                $"--config.file={folder}/prometheus.yml",
                $"--storage.tsdb.path={folder}/data",
                $"--web.listen-address=0.0.0.0:{PrometheusPort}",
            ]
        );
    }

    private Task JudgeAllowsAsync(string identity) =>
        Namespace.ApplyAsync(
            $$"""
            apiVersion: meshoperator.io/v1alpha1
            kind: MtlsPolicy
            metadata: {name: judge}
            spec: {selector: {matchLabels: {app: judge} }, mode: Strict, allow: [{identities: ['{{identity}}']}]}
            """
        );

    private Task ShiftAsync(string check, string hold) =>
        Shift.ApplyAsync(
            $"steps: [{{weight: 50, hold: {hold}}}], require: {{requestsPerStep: 20}}, checks: [{{ {check.ReplaceLineEndings(" ")} }}]"
        );
}
