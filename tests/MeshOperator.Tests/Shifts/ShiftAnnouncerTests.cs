using System.Diagnostics.Metrics;
using MeshOperator.Api.Policies;
using MeshOperator.Settings;
using MeshOperator.Shifts.Announcing;
using MeshOperator.Testing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests.Shifts;

/// <summary>Events are sent a few times each, in order, and those that are lost are counted.</summary>
public sealed class ShiftAnnouncerTests : IAsyncDisposable
{
    private readonly FakeTimeProvider _time = new();
    private readonly Dictionary<string, long> _counts = [];
    private readonly RecordedLog<ShiftAnnouncer> _log = new();
    private readonly MeterListener _listener = new();
    private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
    private ShiftAnnouncer? _announcer;

    public ShiftAnnouncerTests()
    {
        var meters = _services.GetRequiredService<IMeterFactory>();
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (ReferenceEquals(instrument.Meter.Scope, meters))
                listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>(
            (_, value, tags, _) =>
            {
                lock (_counts)
                    _counts[(string)tags[0].Value!] = _counts.GetValueOrDefault((string)tags[0].Value!) + value;
            }
        );
        _listener.Start();
    }

    [Fact]
    public async Task Events_arrive_in_order_as_structured_CloudEvents()
    {
        await using var server = new SmallServer(_ => SmallServer.Respond(202));
        var announcer = await StartAsync(server);

        announcer.Announce(Event("begun"));
        announcer.Announce(Event("step"));

        await Eventually.Succeeds(() => Count("sent").ShouldBe(2));
        server.Requests.First().ShouldContain("Content-Type: application/cloudevents+json; charset=utf-8\r\n");
        server.Requests.First().ShouldContain("\"type\":\"begun\"");
        server.Requests.Last().ShouldContain("\"type\":\"step\"");
    }

    [Fact]
    public async Task Event_that_is_not_taken_is_sent_again_and_lost_after_four_tries()
    {
        await using var server = new SmallServer(_ => SmallServer.Respond(503));
        var announcer = await StartAsync(server);

        announcer.Announce(Event("begun"));

        foreach (var tries in new[] { 1, 2, 3, 4 })
        {
            await Eventually.Succeeds(() =>
            {
                _time.Advance(TimeSpan.FromSeconds(1));
                server.Requests.Count.ShouldBeGreaterThanOrEqualTo(tries);
            });
        }

        await Eventually.Succeeds(() => Count("lost").ShouldBe(1));
        server.Requests.Count.ShouldBe(4);
        var line = _log.Lines.ShouldHaveSingleItem();
        line.ShouldBe("The event begun of TrafficSplit shop/model was not sent to the address of --shift-events-url: it was answered 503");
        line.ShouldNotContain("secret");
    }

    [Fact]
    public async Task Event_that_is_refused_is_not_sent_again()
    {
        await using var server = new SmallServer(_ => SmallServer.Respond(404));
        var announcer = await StartAsync(server);

        announcer.Announce(Event("begun"));

        await Eventually.Succeeds(() => Count("lost").ShouldBe(1));
        server.Requests.Count.ShouldBe(1);
    }

    [Fact]
    public async Task Queue_is_bounded()
    {
        await using var server = new SmallServer(_ => string.Empty);
        var announcer = await StartAsync(server);

        for (var i = 0; i < 300; i++)
            announcer.Announce(Event("step"));

        await Eventually.Succeeds(() => Count("lost").ShouldBeInRange(43, 44));
    }

    public async ValueTask DisposeAsync()
    {
        if (_announcer is not null)
            await _announcer.StopAsync(CancellationToken.None);
        _announcer?.Dispose();
        _listener.Dispose();
        await _services.DisposeAsync();
    }

    private async Task<ShiftAnnouncer> StartAsync(SmallServer server)
    {
        _announcer = new ShiftAnnouncer(
            new OperatorOptions { ShiftEventsUrl = new Uri($"{server.Url}/hook?secret=1") },
            new AnnouncementMetrics(_services.GetRequiredService<IMeterFactory>()),
            _time,
            _log
        );
        await _announcer.StartAsync(TestContext.Current.CancellationToken);
        return _announcer;
    }

    private long Count(string result)
    {
        lock (_counts)
            return _counts.GetValueOrDefault(result);
    }

    private static ShiftCloudEvent Event(string type) =>
        new(
            "1",
            "/model",
            type,
            "backends",
            default,
            new ShiftEventData("shop", "model", "backends", "v2", null, nameof(ShiftPhase.Progressing), 1, 1, 10, "", "")
        );
}
