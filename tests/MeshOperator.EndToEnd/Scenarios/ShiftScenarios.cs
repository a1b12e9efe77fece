using System.Net;
using MeshOperator.EndToEnd.Clients;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>Gradual shifts, with requests that are counted at the caller and at the applications.</summary>
public sealed class ShiftScenarios(TestMesh mesh, SharedNamespace shared) : SharedScenario(mesh, shared, "shift", proxies: 3)
{
    private string _web = string.Empty;

    private Client Caller => Workload("client").Client;

    private string Url => $"http://{_web}/";

    private ShiftUnderTest Shift => new(Mesh, Namespace, _web);

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
        await Shift.ApplyAsync(
            "steps: [{weight: 10, hold: 8s}, {weight: 50, hold: 8s}], checks: [{successRate: {min: 99}}, {errors: {maxRatio: 1.5}}], "
                + "require: {requestsPerStep: 20}"
        );

        var load = await Caller.LoadAsync(Url, rate: 60, during: _ => Shift.UntilAsync("Completed"));

        load.Failed.ShouldBe(0, load.ToString());
        load.CountVersion("web").ShouldBeGreaterThan(0);
        (await Shift.StatusAsync())["split"]!.ToString().ShouldBe($"{_web} 0% · canary 100%");
        (await Caller.RepeatAsync(20, Url)).Select(reply => reply.Version).Distinct().ShouldBe(["canary"]);
    }

    [Fact]
    public async Task Version_that_fails_half_of_its_requests_is_rolled_back()
    {
        await Shift.ApplyAsync("steps: [{weight: 10, hold: 60s}], checks: [{successRate: {min: 99}}]");

        var load = await Caller.LoadAsync(
            Url,
            rate: 60,
            during: _ => Shift.UntilAsync("RolledBack"),
            $"x-fail-at: {Workload("canary").Pods[0].Name}",
            "x-fail-each: 2"
        );

        load.Failed.ShouldBeGreaterThan(0, load.ToString());
        load.CountVersion("canary").ShouldBeLessThan(150, load.ToString());
        (await Shift.StatusAsync())["shifts"]![0]!["weight"]!.GetValue<int>().ShouldBe(0);
        (await Shift.ReasonAsync()).ShouldContain("successRate");
        (await Caller.RepeatAsync(20, Url)).Select(reply => reply.Version).Distinct().ShouldBe(["web"]);
    }

    [Fact]
    public async Task Version_with_3_percent_of_errors_at_1_percent_of_the_requests_is_rolled_back()
    {
        await Shift.ApplyAsync("steps: [{weight: 1, hold: 120s}], checks: [{successRate: {min: 99.5}}, {errors: {maxRatio: 1.5}}]");

        var load = await Caller.LoadAsync(
            Url,
            rate: 400,
            during: _ => Shift.UntilAsync("RolledBack", TimeSpan.FromSeconds(180)),
            $"x-fail-at: {Workload("canary").Pods[0].Name}",
            "x-fail-each: 33"
        );

        load.CountVersion("canary").ShouldBeLessThan(600, load.ToString());
        load.Failed.ShouldBeInRange(1, 20, load.ToString());
    }

    [Fact]
    public async Task Version_that_fails_only_for_POST_is_rolled_back()
    {
        await Shift.ApplyAsync("steps: [{weight: 20, hold: 60s}], checks: [{errors: {maxRatio: 2}}]");
        var fails = $"x-fail-at: {Workload("canary").Pods[0].Name}";

        using var ends = new CancellationTokenSource();
        var posts = Task.Run(
            async () =>
            {
                while (!ends.IsCancellationRequested)
                    await Caller.CallAsync(HttpMethod.Post, Url, callers: 2, requests: 20, fails);
            },
            CancellationToken.None
        );
        var gets = await Caller.LoadAsync(Url, rate: 50, during: _ => Shift.UntilAsync("RolledBack"));
        await ends.CancelAsync();
        await posts;

        gets.Failed.ShouldBe(0, gets.ToString());
        (await Shift.ReasonAsync()).ShouldContain("errors ");
    }

    [Theory]
    [InlineData("", "x-delay: 60")]
    [InlineData("events", "x-interval: 20")]
    public async Task Version_that_takes_twice_as_long_is_rolled_back_whole_answers_and_streams(string path, string delay)
    {
        await Shift.ApplyAsync("steps: [{weight: 30, hold: 600s}], checks: [{latency: {percentile: 90, maxRatio: 1.3}}]");

        var load = await Caller.LoadAsync(
            $"{Url}{path}",
            rate: 60,
            during: _ => Shift.UntilAsync("RolledBack", TimeSpan.FromSeconds(200)),
            delay,
            $"x-twice-at: {Workload("canary").Pods[0].Name}"
        );

        load.Failed.ShouldBe(0, load.ToString());
        (await Shift.ReasonAsync()).ShouldMatch("^latency p90 [0-9]+ ms of [0-9,]+ requests to canary, [12][.][0-9]+ times");
    }

    [Fact]
    public async Task Version_whose_first_token_comes_late_is_rolled_back_by_the_first_byte_of_its_streams()
    {
        await Shift.ApplyAsync("steps: [{weight: 30, hold: 600s}], checks: [{latency: {percentile: 90, maxRatio: 1.3, of: FirstByte}}]");

        var load = await Caller.LoadAsync(
            $"{Url}events",
            rate: 60,
            during: _ => Shift.UntilAsync("RolledBack", TimeSpan.FromSeconds(200)),
            "x-first: 60",
            "x-interval: 1",
            $"x-twice-at: {Workload("canary").Pods[0].Name}"
        );

        load.Failed.ShouldBe(0, load.ToString());
        (await Shift.ReasonAsync()).ShouldMatch(
            "^latency p90 to the first byte [0-9]+ ms of [0-9,]+ requests to canary, [12][.][0-9]+ times"
        );
    }

    [Fact]
    public async Task Version_that_only_streams_tokens_slower_passes_by_the_first_byte()
    {
        await Shift.ApplyAsync(
            "steps: [{weight: 30, hold: 5s}], require: {requestsPerStep: 20}, "
                + "checks: [{latency: {percentile: 50, maxRatio: 2, of: FirstByte}}]"
        );

        var load = await Caller.LoadAsync(
            $"{Url}events",
            rate: 60,
            during: _ => Shift.UntilAsync("Completed", TimeSpan.FromSeconds(200)),
            "x-count: 2",
            "x-interval: 150",
            $"x-twice-at: {Workload("canary").Pods[0].Name}"
        );

        load.Failed.ShouldBe(0, load.ToString());
    }

    [Fact]
    public async Task Version_that_is_as_fast_passes()
    {
        await Shift.ApplyAsync(
            "mirrorFirst: {percent: 50, hold: 5s}, steps: [{weight: 30, hold: 5s}], checks: [{latency: {percentile: 50, maxRatio: 3}}], "
                + "require: {requestsPerStep: 20}"
        );

        var load = await Caller.LoadAsync(
            Url,
            rate: 60,
            during: _ => Shift.UntilAsync("Completed", TimeSpan.FromSeconds(200)),
            "x-delay: 20"
        );

        load.Failed.ShouldBe(0, load.ToString());
    }

    [Fact]
    public async Task Version_that_fails_for_copies_is_rolled_back_before_a_user_sees_it()
    {
        await Shift.ApplyAsync("mirrorFirst: {percent: 50, hold: 60s}, steps: [{weight: 10}], checks: [{successRate: {min: 99}}]");

        var load = await Caller.LoadAsync(
            Url,
            rate: 60,
            during: _ => Shift.UntilAsync("RolledBack"),
            $"x-fail-at: {Workload("canary").Pods[0].Name}"
        );

        load.Failed.ShouldBe(0, load.ToString());
        load.CountVersion("canary").ShouldBe(0, load.ToString());
        (await Shift.ReasonAsync()).ShouldContain("successRate 0.00%");
    }

    [Fact]
    public async Task Version_that_answers_copies_well_gets_its_first_step()
    {
        await Shift.ApplyAsync(
            "mirrorFirst: {percent: 50, hold: 5s}, steps: [{weight: 30, hold: 600s}], checks: [{successRate: {min: 99}}], "
                + "require: {requestsPerStep: 20}"
        );

        var load = await Caller.LoadAsync(
            Url,
            rate: 60,
            during: _ => Shift.UntilAsync(shift => shift["weight"]!.GetValue<int>().ShouldBe(30))
        );

        load.Failed.ShouldBe(0, load.ToString());
    }

    [Fact]
    public async Task Too_little_traffic_holds_the_step_and_says_so()
    {
        await Shift.ApplyAsync("steps: [{weight: 50, hold: 1s}], checks: [{successRate: {min: 99}}], require: {requestsPerStep: 100000}");

        await Caller.LoadAsync(
            Url,
            rate: 20,
            during: _ =>
                Shift.UntilAsync(shift =>
                {
                    shift["reason"]!.ToString().ShouldContain("of 100,000 requests; successRate 100.00% of");
                    shift["weight"]!.GetValue<int>().ShouldBe(50);
                })
        );
    }

    [Fact]
    public async Task Step_waits_for_its_approval_and_a_promoted_shift_is_completed()
    {
        await Shift.ApplyAsync("steps: [{weight: 25, hold: 1s, approval: Required}, {weight: 50, hold: 600s}]");

        var load = await Caller.LoadAsync(
            Url,
            rate: 50,
            during: async _ =>
            {
                await Shift.UntilAsync("AwaitingApproval");
                await Shift.CommandAsync("approve canary/1");
                await Shift.UntilAsync(shift => shift["weight"]!.GetValue<int>().ShouldBe(50));
                await Shift.CommandAsync("promote canary");
                await Shift.UntilAsync("Completed");
            }
        );

        load.Failed.ShouldBe(0, load.ToString());
    }

    [Fact]
    public async Task Counts_are_those_of_the_applications_to_a_hundredth()
    {
        await Shift.ApplyAsync("steps: [{weight: 50, hold: 600s}], checks: [{successRate: {min: 99}}]");
        await Shift.UntilAcknowledgedAsync(50);

        var load = await Caller.CallAsync(Url, callers: 4, requests: 4000);

        load.Failed.ShouldBe(0, load.ToString());
        await Shift.UntilCountedAsync(load.CountVersion("canary"));
    }

    [Fact]
    public async Task Clients_of_a_sticky_shift_move_only_forward()
    {
        await Namespace.ApplyAsync(
            $$"""
            apiVersion: meshoperator.io/v1alpha1
            kind: TrafficSplit
            metadata: {name: {{_web}}}
            spec:
              service: {{_web}}
              rules:
                - name: users
                  backends: [{service: {{_web}}}, {service: canary}]
                  sticky: {header: x-user}
                  shift: {to: canary, steps: [{weight: 20, hold: 1s, approval: Required}, {weight: 60, hold: 600s}]}
            """
        );
        await Shift.UntilAsync("AwaitingApproval");
        var early = await VersionsAsync();
        await Shift.CommandAsync("approve canary/1");
        await Shift.UntilAcknowledgedAsync(60);
        var late = await VersionsAsync();

        early.Count(version => version == "canary").ShouldBeInRange(20, 65);
        late.Count(version => version == "canary").ShouldBeInRange(90, 150);
        early.Zip(late).Count(user => user is ("canary", not "canary")).ShouldBe(0);
    }

    [Fact]
    public async Task Step_waits_for_a_window_and_is_judged_outside_of_it()
    {
        var now = TimeProvider.System.GetUtcNow();
        var closes = TimeSpan.FromSeconds(now.Second + 25);
        await Shift.ApplyAsync(
            $"windows: [{{cron: '{now.Minute} {now.Hour} * * *', duration: {closes.TotalSeconds}s}}], "
                + "steps: [{weight: 20, hold: 30s}, {weight: 60, hold: 600s}], checks: [{successRate: {min: 99}}], "
                + "require: {requestsPerStep: 20}"
        );
        await Shift.UntilAcknowledgedAsync(20);

        var load = await Caller.LoadAsync(
            Url,
            rate: 30,
            during: _ => Shift.UntilAsync(shift => ((string?)shift["reason"]).ShouldStartWith("no window is open before "))
        );

        load.Failed.ShouldBe(0, load.ToString());
        await Shift.UntilAcknowledgedAsync(20);
        await Caller.LoadAsync(Url, rate: 60, during: _ => Shift.UntilAsync("RolledBack"), $"x-fail-at: {Workload("canary").Pods[0].Name}");
    }

    [Fact]
    public async Task Shift_without_the_weights_of_its_backends_cannot_be_taken_away()
    {
        await Shift.ApplyAsync("steps: [{weight: 25, hold: 600s}]");

        var refusal = await Should.ThrowAsync<Kubernetes.Client.KubernetesApiException>(() =>
            Namespace.ApplyAsync(
                $$"""
                apiVersion: meshoperator.io/v1alpha1
                kind: TrafficSplit
                metadata: {name: {{_web}}}
                spec:
                  service: {{_web}}
                  backends: [{service: {{_web}}}, {service: canary}]
                """,
                programmed: false
            )
        );

        refusal.Message.ShouldContain("spec.shift is removed, but the backends have no weights");
    }

    /// <summary>Which version each of 200 users gets.</summary>
    private async Task<List<string>> VersionsAsync()
    {
        var versions = new List<string>();
        for (var user = 0; user < 200; user++)
            versions.Add((await Caller.GetAsync(Url, $"x-user: {user}")).Version);
        return versions;
    }
}
