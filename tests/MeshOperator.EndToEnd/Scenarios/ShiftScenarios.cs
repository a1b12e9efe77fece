using System.Net;
using System.Text.Json.Nodes;
using MeshOperator.EndToEnd.Clients;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>Gradual shifts, with requests that are counted at the caller and at the applications.</summary>
public sealed class ShiftScenarios(TestMesh mesh, SharedNamespace shared) : SharedScenario(mesh, shared, "shift", proxies: 3)
{
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(90);
    private string _web = string.Empty;

    private Client Caller => Workload("client").Client;

    private string Url => $"http://{_web}/";

    public override async ValueTask InitializeAsync()
    {
        await base.InitializeAsync();
        _web = await AliasAsync("web");
    }

    private protected override async Task DeployAsync(TestNamespace ns) =>
        await Task.WhenAll(ns.DeployAsync("web"), ns.DeployAsync("canary"), ns.DeployAsync("client"));

    [Fact]
    public async Task Good_version_gets_all_requests_step_by_step_and_no_request_fails()
    {
        await ShiftAsync(
            "steps: [{weight: 10, hold: 8s}, {weight: 50, hold: 8s}], checks: [{successRate: {min: 99}}, {errors: {maxRatio: 1.5}}], "
                + "require: {requestsPerStep: 20}"
        );

        var load = await Caller.LoadAsync(Url, rate: 60, during: _ => UntilAsync("Completed"));

        load.Failed.ShouldBe(0, load.ToString());
        load.OfVersion("web").ShouldBeGreaterThan(0);
        (await StatusAsync())["split"]!.ToString().ShouldBe($"{_web} 0% · canary 100%");
        (await Caller.RepeatAsync(20, Url)).Select(reply => reply.Version).Distinct().ShouldBe(["canary"]);
    }

    [Fact]
    public async Task Version_that_fails_half_of_its_requests_is_rolled_back()
    {
        await ShiftAsync("steps: [{weight: 10, hold: 60s}], checks: [{successRate: {min: 99}}]");

        var load = await Caller.LoadAsync(
            Url,
            rate: 60,
            during: _ => UntilAsync("RolledBack"),
            $"x-fail-at: {Workload("canary").Pods[0].Name}",
            "x-fail-each: 2"
        );

        load.Failed.ShouldBeGreaterThan(0, load.ToString());
        load.OfVersion("canary").ShouldBeLessThan(150, load.ToString());
        var shift = Shift(await StatusAsync());
        shift["weight"]!.GetValue<int>().ShouldBe(0);
        shift["reason"]!.ToString().ShouldContain("successRate");
        (await Caller.RepeatAsync(20, Url)).Select(reply => reply.Version).Distinct().ShouldBe(["web"]);
    }

    private static JsonNode Shift(JsonNode status) => status["shifts"]![0]!;

    private Task ShiftAsync(string shift) =>
        Namespace.ApplyAsync(
            $$"""
            apiVersion: meshoperator.io/v1alpha1
            kind: TrafficSplit
            metadata: {name: {{_web}}}
            spec:
              service: {{_web}}
              backends: [{service: {{_web}}}, {service: canary}]
              shift: {to: canary, {{shift}}}
            """
        );

    private async Task<JsonNode> StatusAsync() =>
        (await Policies.ReadAsync(Mesh, "TrafficSplit", Namespace.Name, _web))["status"] ?? new JsonObject();

    private async Task UntilAsync(string phase) =>
        await Eventually.Succeeds(
            async () =>
            {
                var status = await StatusAsync();
                ((string?)status["shifts"]?[0]?["phase"]).ShouldBe(phase, status["shifts"]?.ToJsonString());
            },
            Within
        );
}
