using System.Net;
using MeshOperator.EndToEnd.Clients;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>A rate limit that all replicas hold together.</summary>
public sealed class SharedLimitScenarios(TestMesh mesh) : Scenario(mesh)
{
    private const int Rate = 40;

    [Fact]
    public async Task Total_is_held_while_the_workload_scales_from_2_to_10_and_back()
    {
        var shop = await NamespaceAsync("shared-limit", proxies: 11);
        var web = await shop.DeployAsync(
            new WorkloadSpec("web")
            {
                Replicas = 2,
                Container = WellBehaved.WaitsBeforeItEnds,
                PodSpec = WellBehaved.EndsWithin20Seconds,
            }
        );
        var client = await shop.DeployAsync("client");
        Expect("'descriptors' is set but only used by route configuration", "rate limits are buckets of the filter");
        await shop.ApplyAsync(Limit());
        var marks = new List<(string Phase, TimeSpan At)>();

        var load = await client.Client.LoadAsync(
            "http://web/",
            rate: 120,
            during: async load =>
            {
                await Eventually.Succeeds(() => load.SoFar.Samples.TakeLast(60).Count(s => s.Status == 429).ShouldBeGreaterThan(35));
                await StayAsync(load, "2 pods");
                await web.ScaleAsync(10);
                await StayAsync(load, "10 pods");
                await web.ScaleAsync(2);
                await StayAsync(load, "2 pods again");
            }
        );

        load.Failed.ShouldBe(0, load.ToString());
        ShouldHold(load, "all", marks[0].At, marks[^1].At);
        for (var i = 0; i < marks.Count; i += 2)
            ShouldHold(load, marks[i].Phase, marks[i].At, marks[i + 1].At);

        async Task StayAsync(Load load, string phase)
        {
            marks.Add((phase, load.Now));
            await load.GoOnAsync(TimeSpan.FromSeconds(8));
            marks.Add((phase, load.Now));
        }
    }

    [Fact]
    public async Task Callers_in_plaintext_and_over_mutual_TLS_share_the_limit()
    {
        var shop = await NamespaceAsync("shared-modes", proxies: 3);
        await shop.DeployAsync("web", replicas: 2);
        var meshed = (await shop.DeployAsync("meshed")).Client;
        var plain = (await shop.DeployAsync(new WorkloadSpec("plain") { IsMeshed = false })).Client;
        Expect("'descriptors' is set but only used by route configuration", "rate limits are buckets of the filter");
        await shop.ApplyAsync(Limit());

        var marks = new List<TimeSpan>();
        var ofPlain = new List<TimeSpan>();
        LoadResult? plaintext = null;
        var mutualTls = await meshed.LoadAsync(
            "http://web/",
            rate: 60,
            during: async load =>
                plaintext = await plain.LoadAsync(
                    "http://web/",
                    rate: 60,
                    during: async second =>
                    {
                        await Eventually.Succeeds(() => Refusals(load).ShouldBeGreaterThan(20));
                        await Eventually.Succeeds(() => Refusals(second).ShouldBeGreaterThan(20));
                        marks.Add(load.Now);
                        ofPlain.Add(second.Now);
                        await load.GoOnAsync(TimeSpan.FromSeconds(10));
                        marks.Add(load.Now);
                        ofPlain.Add(second.Now);
                    }
                )
        );

        var accepted =
            mutualTls.Between(marks[0], marks[1]).Count(HttpStatusCode.OK)
            + plaintext!.Between(ofPlain[0], ofPlain[1]).Count(HttpStatusCode.OK);
        var expected = Rate * (marks[1] - marks[0]).TotalSeconds;
        TestContext.Current.TestOutputHelper?.WriteLine($"{accepted} of {expected:0}");
        ((double)accepted).ShouldBeInRange(0.9 * expected, 1.1 * expected, $"{mutualTls}\n{plaintext}");
    }

    private static int Refusals(Load load) => load.SoFar.Samples.TakeLast(40).Count(sample => sample.Status == 429);

    private static string Limit() =>
        $$"""
            apiVersion: meshoperator.io/v1alpha1
            kind: RateLimit
            metadata: {name: web}
            spec: {scope: Service, targetRefs: [{kind: Service, name: web}], limits: [{requests: {{Rate}}, burst: {{Rate}} }]}
            """;

    private static void ShouldHold(LoadResult load, string phase, TimeSpan from, TimeSpan to)
    {
        var expected = Rate * (to - from).TotalSeconds;
        var accepted = load.Between(from, to).Count(HttpStatusCode.OK);
        TestContext.Current.TestOutputHelper?.WriteLine($"{phase}: {accepted} of {expected:0} in {(to - from).TotalSeconds:0.0} s");
        ((double)accepted).ShouldBeInRange(0.9 * expected, 1.1 * expected, $"{phase}: {load}");
    }
}
