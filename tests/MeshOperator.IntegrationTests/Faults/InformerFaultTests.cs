using MeshOperator.LocalCluster.Faults;
using MeshOperator.Testing;
using Microsoft.Extensions.Time.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.IntegrationTests.Faults;

/// <summary>Whatever goes wrong between an informer and the API server, in the end the cache holds what the cluster holds. These run
/// on the API server in this process wherever the other tests run, since a real one takes no orders for faults.</summary>
public sealed class InformerFaultTests
{
    private static readonly Fault OnWatch = Fault.EndWatch with { Resource = "configmaps", Times = 5 };

    [Fact]
    public Task Watches_that_end_lose_nothing() => SurvivesOnEventsAsync(OnWatch);

    [Fact]
    public Task Watches_whose_connection_is_reset_lose_nothing() =>
        SurvivesOnEventsAsync(Fault.ResetWatch with { Resource = "configmaps", Times = 5 });

    [Fact]
    public Task Watches_that_expire_in_an_event_lose_nothing() =>
        SurvivesOnEventsAsync(Fault.ExpireWatch with { Resource = "configmaps", Times = 3 });

    [Fact]
    public Task Watches_that_break_at_random_lose_nothing() =>
        SurvivesOnEventsAsync(Fault.ResetWatch with { Resource = "configmaps", Times = 4, Probability = 0.2 });

    [Theory]
    [InlineData(410, null)]
    [InlineData(429, 1)]
    [InlineData(500, null)]
    [InlineData(503, 1)]
    public async Task A_watch_that_is_refused_loses_nothing(int code, int? retryAfter)
    {
        await using var cluster = await InformedCluster.StartAsync();
        await cluster.InformAsync();
        await cluster.ChangeAsync(20);
        using var order = cluster.Faults.Order(Answer(code, retryAfter) with { Resource = "configmaps", Verbs = ["watch"], Times = 2 });

        cluster.Faults.Strike(Fault.EndWatch).ShouldBe(1);
        await Eventually.Succeeds(() => order.Fired.ShouldBe(2));
        await cluster.ChangeAsync(20);

        await cluster.ConvergeAsync();
    }

    [Theory]
    [InlineData(410, null)]
    [InlineData(429, 1)]
    [InlineData(500, null)]
    [InlineData(503, null)]
    [InlineData(504, null)]
    public async Task A_list_that_is_refused_is_tried_again(int code, int? retryAfter)
    {
        await using var cluster = await InformedCluster.StartAsync();
        await cluster.ChangeAsync(20);
        using var order = cluster.Faults.Order(Answer(code, retryAfter) with { Resource = "configmaps", Verbs = ["list"], Times = 2 });

        cluster.Inform();
        await Eventually.Succeeds(() => order.Fired.ShouldBe(2));
        await cluster.ChangeAsync(20);

        await cluster.ConvergeAsync();
    }

    [Fact]
    public async Task A_list_that_expires_between_its_pages_is_begun_again()
    {
        await using var cluster = await InformedCluster.StartAsync();
        for (var i = 0; i < 520; i++)
            await cluster.CreateAsync($"many{i}");
        using var order = cluster.Faults.Order(Fault.Answer(410) with { Resource = "configmaps", ContinuedListsOnly = true, Times = 2 });

        cluster.Inform();
        await Eventually.Succeeds(() => order.Fired.ShouldBe(2));
        await cluster.ChangeAsync(20);

        await cluster.ConvergeAsync();
    }

    [Theory]
    [InlineData("list")]
    [InlineData("watch")]
    public async Task A_request_whose_connection_is_reset_is_tried_again(string verb)
    {
        await using var cluster = await InformedCluster.StartAsync();
        await cluster.ChangeAsync(20);
        using var order = cluster.Faults.Order(Fault.Reset with { Resource = "configmaps", Verbs = [verb], Times = 2 });

        cluster.Inform();
        await Eventually.Succeeds(() => order.Fired.ShouldBe(2));
        await cluster.ChangeAsync(20);

        await cluster.ConvergeAsync();
    }

    [Fact]
    public async Task Changes_during_slow_requests_are_not_lost()
    {
        await using var cluster = await InformedCluster.StartAsync();
        await cluster.ChangeAsync(20);
        using var order = cluster.Faults.Order(
            Fault.Delay(TimeSpan.FromMilliseconds(300)) with
            {
                Resource = "configmaps",
                Verbs = ["list", "watch"],
                Times = 2,
            }
        );

        cluster.Inform();
        await Eventually.Succeeds(async () =>
        {
            await cluster.ChangeAsync(2);
            order.Fired.ShouldBe(2);
        });

        await cluster.ConvergeAsync();
    }

    [Fact]
    public async Task A_connection_that_falls_silent_is_found_out()
    {
        var time = new FakeTimeProvider();
        await using var cluster = await InformedCluster.StartAsync(time);
        await cluster.InformAsync();
        await cluster.ChangeAsync(20);
        await cluster.ConvergeAsync();
        using var order = cluster.Faults.Order(Fault.SilenceWatch with { Resource = "configmaps" });
        await cluster.ChangeAsync(20);
        await Eventually.Succeeds(() => order.Fired.ShouldBe(1));

        await cluster.ConvergeAsync(between: () => time.Advance(TimeSpan.FromMinutes(1)));
    }

    [Fact]
    public async Task A_list_that_is_never_answered_is_given_up_and_tried_again()
    {
        var time = new FakeTimeProvider();
        await using var cluster = await InformedCluster.StartAsync(time, requests: time);
        await cluster.ChangeAsync(20);
        using var order = cluster.Faults.Order(Fault.Silence with { Resource = "configmaps", Verbs = ["list"] });

        cluster.Inform();
        await Eventually.Succeeds(() => order.Fired.ShouldBe(1));

        await cluster.ConvergeAsync(between: () => time.Advance(TimeSpan.FromSeconds(1)));
    }

    [Fact]
    public async Task Events_that_come_twice_change_nothing_the_second_time()
    {
        await using var cluster = await InformedCluster.StartAsync();
        await cluster.InformAsync();
        using var order = cluster.Faults.Order(Fault.DuplicateEvent with { Resource = "configmaps", Times = int.MaxValue });

        await cluster.ChangeAsync(100);
        await SeeAsync(cluster, "last");

        order.Fired.ShouldBe(101);
        await cluster.ShouldBeEqualAsync();
    }

    [Fact]
    public async Task Events_that_are_out_of_date_bring_nothing_back()
    {
        await using var cluster = await InformedCluster.StartAsync();
        await cluster.InformAsync();
        using var order = cluster.Faults.Order(Fault.OutdatedEvent with { Resource = "configmaps", Times = int.MaxValue });

        await cluster.ChangeAsync(100);
        await SeeAsync(cluster, "last");

        order.Fired.ShouldBe(101);
        await cluster.ShouldBeEqualAsync();
    }

    [Fact]
    public async Task A_watch_that_breaks_after_an_event_out_of_date_goes_on_where_it_was()
    {
        await using var cluster = await InformedCluster.StartAsync();
        await cluster.InformAsync();
        using var outdated = cluster.Faults.Order(Fault.OutdatedEvent with { Resource = "configmaps", Times = int.MaxValue });

        for (var i = 0; i < 5; i++)
        {
            await cluster.ChangeAsync(20);
            cluster.Faults.Strike(Fault.ResetWatch);
        }

        await cluster.ConvergeAsync();
    }

    private static Fault Answer(int code, int? retryAfter) =>
        Fault.Answer(code, retryAfter is { } seconds ? TimeSpan.FromSeconds(seconds) : null);

    private static async Task SeeAsync(InformedCluster cluster, string name)
    {
        await cluster.CreateAsync(name);
        await Eventually.Succeeds(() => cluster.Informer.Objects.Keys.ShouldContain(k => k.Name == name));
    }

    private static async Task SurvivesOnEventsAsync(Fault fault)
    {
        await using var cluster = await InformedCluster.StartAsync();
        await cluster.InformAsync();
        using var order = cluster.Faults.Order(fault, new Random(7));

        await Eventually.Succeeds(async () =>
        {
            await cluster.ChangeAsync(10);
            order.Fired.ShouldBe(fault.Times);
        });

        await cluster.ConvergeAsync();
    }
}
