using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>What becomes of traffic when something happens to the operator.</summary>
public sealed class OperatorScenarios(TestMesh mesh) : Scenario(mesh)
{
    private const double Rate = 100;

    [Fact]
    public async Task Operator_that_is_killed_and_started_again_fails_no_request_and_takes_changes_again()
    {
        var (shop, client) = await DeployAsync("killed");

        var load = await client.Client.LoadAsync(
            "http://web/",
            Rate,
            during: async load =>
            {
                await Mesh.Operator.KillAsync();
                await load.GoOnAsync(TimeSpan.FromSeconds(3));
                await Mesh.Operator.StartAsync();
                await SplitAsync(shop, 0);
                await Eventually.Succeeds(() => load.SoFar.Samples.TakeLast(50).ShouldAllBe(s => s.Version == "canary"));
            }
        );

        load.Failed.ShouldBe(0, load.ToString());
    }

    [Fact]
    public async Task Operator_that_is_restarted_fails_no_request_and_leaves_its_lease_to_the_next()
    {
        var (shop, client) = await DeployAsync("restarted");

        var load = await client.Client.LoadAsync(
            "http://web/",
            Rate,
            during: async load =>
            {
                await Mesh.Operator.StopAsync();
                await Mesh.Operator.StartAsync();
                await SplitAsync(shop, 0);
                await Eventually.Succeeds(() => load.SoFar.Samples.TakeLast(50).ShouldAllBe(s => s.Version == "canary"));
            }
        );

        load.Failed.ShouldBe(0, load.ToString());
    }

    [Fact]
    public async Task API_server_that_is_away_for_30_seconds_fails_no_request_and_changes_arrive_when_it_is_back()
    {
        var (shop, client) = await DeployAsync("away");

        var load = await client.Client.LoadAsync(
            "http://web/",
            Rate,
            during: async load =>
            {
                await Mesh.Operator.CutFromApiServerAsync();
                await load.GoOnAsync(TimeSpan.FromSeconds(30));
                Mesh.Operator.ReconnectToApiServer();
                await SplitAsync(shop, 0);
                await Eventually.Succeeds(
                    () => load.SoFar.Samples.TakeLast(50).ShouldAllBe(s => s.Version == "canary"),
                    TimeSpan.FromSeconds(60)
                );
            }
        );

        load.Failed.ShouldBe(0, load.ToString());
    }

    [Fact]
    public async Task Operator_that_is_killed_in_each_phase_of_a_shift_goes_on_from_there_and_fails_no_request()
    {
        var (shop, client) = await DeployAsync("shifted");
        var shift = new ShiftUnderTest(Mesh, shop, "web");
        await shift.ApplyAsync(
            "steps: [{weight: 10, hold: 2s}, {weight: 50, hold: 2s, approval: Required}], "
                + "checks: [{successRate: {min: 99}}, {errors: {maxRatio: 1.5}}], require: {requestsPerStep: 20}"
        );

        var load = await client.Client.LoadAsync(
            "http://web/",
            Rate,
            during: async _ =>
            {
                await KillAtAsync(shift, "Progressing", weight: 10);
                await KillAtAsync(shift, "Progressing", weight: 50);
                await KillAtAsync(shift, "AwaitingApproval", weight: 50);
                await shift.CommandAsync("approve canary/2");
                await KillAtAsync(shift, "Completed", weight: 100);
            }
        );

        load.Failed.ShouldBe(0, load.ToString());
        // The operator was killed before it could send the last transition to the proxies, and has just started.
        await Eventually.Succeeds(async () =>
            (await client.Client.RepeatAsync(20, "http://web/")).Select(reply => reply.Version).Distinct().ShouldBe(["canary"])
        );
    }

    [Fact]
    public async Task Root_that_is_rotated_under_load_fails_no_request()
    {
        var (shop, client) = await DeployAsync("rotated");
        await shop.ApplyAsync("{apiVersion: meshoperator.io/v1alpha1, kind: MtlsPolicy, metadata: {name: strict}, spec: {mode: Strict}}");

        var load = await client.Client.LoadAsync(
            "http://web/",
            Rate,
            during: async load =>
            {
                await Mesh.Operator.RunCommandAsync("ca", "rotate", "--wait");
                await load.GoOnAsync(TimeSpan.FromSeconds(2));
            }
        );

        load.Failed.ShouldBe(0, load.ToString());
    }

    /// <summary>Waits until the shift is somewhere, and kills and starts the operator there.</summary>
    private async Task KillAtAsync(ShiftUnderTest shift, string phase, int weight)
    {
        await shift.UntilAsync(status =>
            ((string?)status["phase"], (int?)status["weight"]).ShouldBe((phase, weight), status.ToJsonString())
        );
        await Mesh.Operator.KillAsync();
        await Mesh.Operator.StartAsync();
    }

    private async Task<(TestNamespace Shop, Workload Client)> DeployAsync(string name)
    {
        var shop = await NamespaceAsync(name, proxies: 3, Turn.Alone);
        await Task.WhenAll(shop.DeployAsync("web"), shop.DeployAsync("canary"));
        var client = await shop.DeployAsync("client");
        await SplitAsync(shop, 100);
        return (shop, client);
    }

    private static Task SplitAsync(TestNamespace ns, int weight) =>
        ns.ApplyAsync(
            $$"""
            apiVersion: meshoperator.io/v1alpha1
            kind: TrafficSplit
            metadata: {name: web}
            spec: {service: web, backends: [{service: web, weight: {{weight}} }, {service: canary, weight: {{100 - weight}} }]}
            """
        );
}
