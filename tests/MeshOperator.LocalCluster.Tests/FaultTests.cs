using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Faults;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.LocalCluster.Tests;

public sealed class FaultTests : IAsyncLifetime
{
    private const string ConfigMaps = "/api/v1/namespaces/default/configmaps";
    private RunningCluster _cluster = null!;

    private FaultInjector Faults => _cluster.Server.Faults;

    public async ValueTask InitializeAsync() => _cluster = await RunningCluster.StartAsync(new LocalClusterOptions());

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();

    [Fact]
    public async Task An_ordered_answer_comes_as_often_as_ordered_and_only_for_what_it_fits()
    {
        using var order = Faults.Order(
            Fault.Answer(429, TimeSpan.FromSeconds(3)) with
            {
                Verbs = ["list"],
                Resource = "configmaps",
                Namespace = "default",
                Times = 2,
            }
        );

        (await _cluster.GetAsync("/api/v1/namespaces/default/secrets")).Code.ShouldBe(200);
        (await _cluster.GetAsync("/api/v1/namespaces/kube-system/configmaps")).Code.ShouldBe(200);
        (await _cluster.GetAsync(ConfigMaps + "/kube-root-ca.crt")).Code.ShouldBe(200);
        var (code, body, response) = await _cluster.GetAsync(ConfigMaps);
        code.ShouldBe(429);
        response.Headers.RetryAfter!.Delta.ShouldBe(TimeSpan.FromSeconds(3));
        ((string)body["kind"]!, (string)body["reason"]!).ShouldBe(("Status", "TooManyRequests"));
        (await _cluster.GetAsync(ConfigMaps)).Code.ShouldBe(429);
        (await _cluster.GetAsync(ConfigMaps)).Code.ShouldBe(200);
        order.Fired.ShouldBe(2);
    }

    [Fact]
    public async Task An_order_that_is_taken_back_does_nothing_more()
    {
        using (Faults.Order(Fault.Answer(503) with { Times = int.MaxValue }))
            (await _cluster.GetAsync(ConfigMaps)).Code.ShouldBe(503);

        (await _cluster.GetAsync(ConfigMaps)).Code.ShouldBe(200);
    }

    [Fact]
    public async Task The_same_dice_let_the_same_requests_go_wrong()
    {
        async Task<string> CodesAsync()
        {
            using var order = Faults.Order(Fault.Answer(500) with { Probability = 0.5, Times = int.MaxValue }, new Random(3));
            var codes = new List<int>();
            for (var i = 0; i < 20; i++)
                codes.Add((await _cluster.GetAsync(ConfigMaps)).Code);
            return string.Join(' ', codes);
        }

        var first = await CodesAsync();
        first.ShouldContain("500");
        first.ShouldContain("200");
        (await CodesAsync()).ShouldBe(first);
        Should.Throw<ArgumentException>(() => Faults.Order(Fault.Reset with { Probability = 0.5 }));
    }

    [Fact]
    public async Task A_page_that_expires_is_410()
    {
        for (var i = 0; i < 3; i++)
            await _cluster.CreateAsync(ConfigMaps, Manifests.ConfigMap($"c{i}"));
        using var order = Faults.Order(Fault.Answer(410) with { ContinuedListsOnly = true });
        var token = Uri.EscapeDataString((string)(await _cluster.GetAsync(ConfigMaps + "?limit=1")).Body["metadata"]!["continue"]!);

        var (code, body, _) = await _cluster.GetAsync($"{ConfigMaps}?limit=1&continue={token}");

        (code, (string)body["reason"]!).ShouldBe((410, "Expired"));
        (await _cluster.GetAsync($"{ConfigMaps}?limit=1&continue={token}")).Code.ShouldBe(200);
    }

    [Fact]
    public async Task A_watch_that_is_struck_ends_as_ordered()
    {
        using var expired = await WatchAsync();
        Faults.Strike(Fault.ExpireWatch with { Resource = "secrets" }).ShouldBe(0);
        Faults.Strike(Fault.ExpireWatch with { Resource = "configmaps" }).ShouldBe(1);
        var error = (await expired.NextAsync())!.Value;
        (error.Type, (int)error.Object["code"]!).ShouldBe(("ERROR", 410));
        (await expired.NextAsync()).ShouldBeNull();

        using var ended = await WatchAsync();
        Faults.Strike(Fault.EndWatch).ShouldBe(1);
        (await ended.NextAsync()).ShouldBeNull();

        using var reset = await WatchAsync();
        Faults.Strike(Fault.ResetWatch).ShouldBe(1);
        await Should.ThrowAsync<Exception>(async () => await reset.NextAsync());
        await Eventually.Succeeds(() => Faults.OpenWatches.ShouldBe(0));
    }

    [Fact]
    public async Task Events_come_twice_or_out_of_date_as_ordered()
    {
        await _cluster.CreateAsync(ConfigMaps, Manifests.ConfigMap("a"));
        using var watch = await WatchAsync();
        using var twice = Faults.Order(Fault.DuplicateEvent);

        var second = (await _cluster.PatchAsync(ConfigMaps + "/a", "application/merge-patch+json", """{"data":{"key":"2"}}""")).Body;
        Version((await watch.NextAsync())!.Value.Object).ShouldBe(Version(second));
        Version((await watch.NextAsync())!.Value.Object).ShouldBe(Version(second));

        using var outdated = Faults.Order(Fault.OutdatedEvent);
        await _cluster.SendAsync(HttpMethod.Delete, ConfigMaps + "/a");
        (await watch.NextAsync())!.Value.Type.ShouldBe("DELETED");
        var late = (await watch.NextAsync())!.Value;
        (late.Type, Version(late.Object)).ShouldBe(("MODIFIED", Version(second)));
    }

    [Fact]
    public async Task A_webhook_that_cannot_be_reached_fails_the_write_until_it_can()
    {
        await using var webhook = await WebhookServer.StartAsync(_ => WebhookServer.Allow());
        await _cluster.CreateAsync(
            "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations",
            $$$"""
            {"metadata":{"name":"test"},"webhooks":[{"name":"maps.example.com","admissionReviewVersions":["v1"],"sideEffects":"None",
             "clientConfig":{"url":"https://localhost:{{{webhook.Port}}}/validate","caBundle":"{{{webhook.CaBundle}}}"},
             "rules":[{"apiGroups":[""],"apiVersions":["v1"],"operations":["CREATE"],"resources":["configmaps"]}]}]}
            """
        );
        using var order = Faults.Order(Fault.UnavailableWebhook("maps.example.com"));

        var (code, body, _) = await _cluster.PostAsync(ConfigMaps, Manifests.ConfigMap("a"));

        code.ShouldBe(500);
        ((string)body["message"]!).ShouldBe(
            "Internal error occurred: failed calling webhook \"maps.example.com\": failed to call webhook: connect: connection refused"
        );
        await _cluster.CreateAsync(ConfigMaps, Manifests.ConfigMap("a"));
    }

    private static string Version(JsonNode entity) => (string)entity["metadata"]!["resourceVersion"]!;

    private async Task<WatchReader> WatchAsync()
    {
        var version = (string)(await _cluster.GetAsync(ConfigMaps)).Body["metadata"]!["resourceVersion"]!;
        var watch = await _cluster.WatchAsync($"{ConfigMaps}?watch=1&resourceVersion={version}");
        await Eventually.Succeeds(() => Faults.OpenWatches.ShouldBe(1));
        return watch;
    }
}
