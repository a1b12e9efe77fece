using System.Collections.Concurrent;
using System.Net;
using k8s.Models;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Testing;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.Kubernetes.Tests;

public sealed class SharedInformerTests : IAsyncDisposable
{
    private readonly ScriptedApiServer _server = new();
    private readonly SharedInformer<V1ConfigMap> _informer;
    private readonly ConcurrentQueue<string> _changes = new();
    private readonly CancellationTokenSource _stop = new();
    private Task _run = Task.CompletedTask;

    public SharedInformerTests()
    {
        _informer = Informer(new InformerOptions<V1ConfigMap>(), TimeProvider.System);
        _informer.Changed += c =>
            _changes.Enqueue($"{(c.New is null ? "-" : c.Old is null ? "+" : "~")}{c.Key}@{(c.New ?? c.Old)!.Metadata.ResourceVersion}");
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _run;
        _stop.Dispose();
        _server.Dispose();
    }

    [Fact]
    public async Task It_lists_in_pages_and_then_watches_from_the_listed_version()
    {
        _server
            .Answer("""{"metadata":{"resourceVersion":"7","continue":"next/page"},"items":[""" + Object("a", 3) + "]}")
            .Answer("""{"metadata":{"resourceVersion":"7"},"items":[""" + Object("b", 5) + "]}");
        var watch = _server.AnswerStream();
        Start();
        watch.TryWrite(Event("ADDED", Object("c", 8)));
        watch.TryWrite(Event("MODIFIED", Object("a", 9)));
        watch.TryWrite(Event("DELETED", Object("b", 10)));

        await Eventually.Succeeds(() => _changes.ShouldBe(["+ns/a@3", "+ns/b@5", "+ns/c@8", "~ns/a@9", "-ns/b@5"], ignoreOrder: true));
        _informer.HasSynced.ShouldBeTrue();
        _informer.Objects.Keys.ShouldBe([new ObjectKey("ns", "a"), new ObjectKey("ns", "c")], ignoreOrder: true);
        var requests = _server.Requests.ToArray();
        requests[1].ShouldContain("continue=next%2Fpage");
        requests[2].ShouldContain("watch=1");
        requests[2].ShouldContain("resourceVersion=7");
        requests[2].ShouldContain("allowWatchBookmarks=true");
    }

    [Theory]
    [InlineData("status")]
    [InlineData("event")]
    [InlineData("event without code")]
    public async Task A_version_that_is_too_old_leads_to_a_new_list_whose_difference_is_reported(string form)
    {
        const string gone =
            """{"kind":"Status","apiVersion":"v1","status":"Failure","message":"too old resource version","reason":"Expired","code":410}""";
        _server.Answer(
            """{"metadata":{"resourceVersion":"7"},"items":["""
                + Object("stays", 1)
                + ","
                + Object("changes", 2)
                + ","
                + Object("goes", 3)
                + "]}"
        );
        if (form == "status")
            _server.Answer(gone, HttpStatusCode.Gone);
        else
        {
            var first = _server.AnswerStream();
            first.TryWrite(Event("ERROR", form == "event" ? gone : gone.Replace(",\"code\":410", string.Empty, StringComparison.Ordinal)));
        }

        _server.Answer(
            """{"metadata":{"resourceVersion":"20"},"items":["""
                + Object("stays", 1)
                + ","
                + Object("changes", 12)
                + ","
                + Object("new", 13)
                + "]}"
        );
        _server.AnswerStream();
        Start();

        await Eventually.Succeeds(() => _changes.Skip(3).ShouldBe(["-ns/goes@3", "~ns/changes@12", "+ns/new@13"], ignoreOrder: true));
        await Eventually.Succeeds(() => _server.Requests.Last().ShouldContain("resourceVersion=20"));
    }

    [Fact]
    public async Task A_watch_that_ends_goes_on_from_the_last_event_or_bookmark()
    {
        _server.Answer("""{"metadata":{"resourceVersion":"7"},"items":[]}""");
        var first = _server.AnswerStream();
        var second = _server.AnswerStream();
        _server.AnswerStream();
        Start();
        first.TryWrite(Event("ADDED", Object("a", 8)));
        first.Complete();
        await Eventually.Succeeds(() => _server.Requests.Last().ShouldContain("resourceVersion=8"));
        second.TryWrite("""{"type":"BOOKMARK","object":{"kind":"ConfigMap","apiVersion":"v1","metadata":{"resourceVersion":"99"}}}""");
        second.Complete();

        await Eventually.Succeeds(() => _server.Requests.Last().ShouldContain("resourceVersion=99"));
        _changes.ShouldBe(["+ns/a@8"]);
        _server.Requests.Count(r => !r.Contains("watch=1", StringComparison.Ordinal)).ShouldBe(1);
    }

    [Fact]
    public async Task Failures_are_tried_again_and_what_is_known_stays_readable()
    {
        _server
            .Answer("""{"kind":"Status","message":"etcd is down","code":500}""", HttpStatusCode.InternalServerError)
            .Answer("""{"metadata":{"resourceVersion":"7"},"items":[""" + Object("a", 3) + "]}");
        var watch = _server.AnswerStream();
        _server
            .Answer("not json at all", HttpStatusCode.ServiceUnavailable)
            .Answer("nor is this")
            .Answer("""{"metadata":{"resourceVersion":"7"},"items":[""" + Object("a", 3) + "]}");
        var again = _server.AnswerStream();
        Start();
        watch.TryWrite("this is no event");
        again.TryWrite(Event("ADDED", Object("b", 8)));

        await Eventually.Succeeds(() => _changes.ShouldBe(["+ns/a@3", "+ns/b@8"]));
        _informer.Objects.Count.ShouldBe(2);
    }

    [Fact]
    public async Task Managed_fields_and_the_last_applied_form_are_not_kept()
    {
        _server.Answer(
            """
            {"metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"a","namespace":"ns","resourceVersion":"3",
            "managedFields":[{"manager":"kubectl"}],"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{}",
            "kept":"yes"}}}]}
            """
        );
        _server.AnswerStream();
        Start();

        await Eventually.Succeeds(() => _informer.HasSynced.ShouldBeTrue());
        var metadata = _informer.Objects.Values.ShouldHaveSingleItem().Metadata;
        metadata.ManagedFields.ShouldBeNull();
        metadata.Annotations.ShouldBe(new Dictionary<string, string> { ["kept"] = "yes" });
    }

    [Fact]
    public async Task A_version_that_expires_between_two_pages_starts_the_list_over()
    {
        _server
            .Answer("""{"metadata":{"resourceVersion":"7","continue":"next"},"items":[""" + Object("a", 3) + "]}")
            .Answer("""{"kind":"Status","reason":"Expired","code":410}""", HttpStatusCode.Gone)
            .Answer("""{"metadata":{"resourceVersion":"9"},"items":[""" + Object("b", 8) + "]}");
        _server.AnswerStream();
        Start();

        await Eventually.Succeeds(() => _server.Requests.Count.ShouldBe(4));
        _server.Requests.ElementAt(2).ShouldNotContain("continue=");
        _changes.ShouldBe(["+ns/b@8"]);
    }

    [Fact]
    public async Task Events_that_come_twice_or_late_change_nothing()
    {
        _server.Answer("""{"metadata":{"resourceVersion":"7"},"items":[""" + Object("a", 3) + "]}");
        var watch = _server.AnswerStream();
        Start();
        watch.TryWrite(Event("MODIFIED", Object("a", 9)));
        watch.TryWrite(Event("MODIFIED", Object("a", 9)));
        watch.TryWrite(Event("MODIFIED", Object("a", 8)));
        watch.TryWrite(Event("DELETED", Object("a", 10)));
        watch.TryWrite(Event("MODIFIED", Object("a", 9)));
        watch.TryWrite(Event("ADDED", Object("b", 5)));
        watch.TryWrite(Event("ADDED", Object("c", 11)));

        await Eventually.Succeeds(() => _changes.ShouldBe(["+ns/a@3", "~ns/a@9", "-ns/a@9", "+ns/c@11"]));
    }

    [Fact]
    public async Task A_list_older_than_what_is_known_is_asked_for_again_but_not_for_ever()
    {
        const string gone = """{"kind":"Status","reason":"Expired","code":410}""";
        _server.Answer("""{"metadata":{"resourceVersion":"70"},"items":[""" + Object("a", 60) + "]}").Answer(gone, HttpStatusCode.Gone);
        for (var i = 0; i < 4; i++)
            _server.Answer("""{"metadata":{"resourceVersion":"50"},"items":[""" + Object("a", 40) + "]}");
        _server.AnswerStream();
        Start();

        await Eventually.Succeeds(() => _changes.ShouldBe(["+ns/a@60", "~ns/a@40"]));
        _server.Requests.Count(r => !r.Contains("watch=1", StringComparison.Ordinal)).ShouldBe(5);
    }

    [Fact]
    public async Task What_is_no_event_leads_to_a_new_list()
    {
        _server.Answer("""{"metadata":{"resourceVersion":"7"},"items":[]}""");
        var watch = _server.AnswerStream();
        _server.Answer("""{"metadata":{"resourceVersion":"8"},"items":[""" + Object("a", 8) + "]}");
        _server.AnswerStream();
        Start();
        watch.TryWrite("""{"type":"ADDED","object":{"metadata":{}}}""");

        await Eventually.Succeeds(() => _changes.ShouldBe(["+ns/a@8"]));
    }

    [Fact]
    public async Task An_object_that_does_not_fit_its_type_stays_as_it_was_and_does_not_stop_the_others()
    {
        const string unfit = """{"metadata":{"name":"a","namespace":"ns","resourceVersion":"9"},"data":"no map"}""";
        _server.Answer("""{"metadata":{"resourceVersion":"7"},"items":[""" + Object("a", 3) + "]}");
        var watch = _server.AnswerStream();
        _server.Answer("""{"metadata":{"resourceVersion":"20"},"items":[""" + unfit + "," + Object("c", 12) + "]}");
        _server.AnswerStream();
        Start();
        watch.TryWrite(Event("MODIFIED", unfit));
        watch.TryWrite(Event("ADDED", Object("b", 10)));
        await Eventually.Succeeds(() => _changes.ShouldBe(["+ns/a@3", "+ns/b@10"]));
        watch.TryWrite(Event("ERROR", """{"code":410}"""));

        await Eventually.Succeeds(() => _changes.ShouldBe(["+ns/a@3", "+ns/b@10", "-ns/b@10", "+ns/c@12"]));
        _informer.Objects[new ObjectKey("ns", "a")].Metadata.ResourceVersion.ShouldBe("3");
    }

    [Fact]
    public async Task An_object_that_was_recreated_between_two_lists_is_reported_as_deleted_and_new()
    {
        _server
            .Answer(
                """
                {"metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"a","namespace":"ns","uid":"1",
                "resourceVersion":"3"}}]}
                """
            )
            .Answer("""{"code":410}""", HttpStatusCode.Gone)
            .Answer(
                """
                {"metadata":{"resourceVersion":"9"},"items":[{"metadata":{"name":"a","namespace":"ns","uid":"2",
                "resourceVersion":"8"}}]}
                """
            );
        _server.AnswerStream();
        Start();

        await Eventually.Succeeds(() => _changes.ShouldBe(["+ns/a@3", "-ns/a@3", "+ns/a@8"]));
    }

    [Fact]
    public async Task A_server_that_ends_each_watch_at_once_is_not_asked_in_a_loop()
    {
        var time = new FakeTimeProvider();
        var informer = Informer(new InformerOptions<V1ConfigMap>(), time);
        _server.Answer("""{"metadata":{"resourceVersion":"7"},"items":[]}""");
        for (var i = 0; i < 100; i++)
            _server.AnswerStream().Complete();
        _run = informer.RunAsync(_stop.Token);

        await Eventually.Succeeds(() => _server.Requests.Count.ShouldBe(2));
        await Eventually.Succeeds(() =>
        {
            time.Advance(TimeSpan.FromMilliseconds(200));
            _server.Requests.Count.ShouldBe(3);
        });
    }

    [Fact]
    public async Task A_watch_that_falls_silent_is_opened_again_where_it_was()
    {
        var time = new FakeTimeProvider();
        var informer = Informer(new InformerOptions<V1ConfigMap> { LongestSilence = TimeSpan.FromMinutes(3) }, time);
        _server.Answer("""{"metadata":{"resourceVersion":"7"},"items":[]}""");
        var silent = _server.AnswerStream();
        _server.AnswerStream();
        _run = informer.RunAsync(_stop.Token);
        silent.TryWrite(Event("ADDED", Object("a", 8)));
        await Eventually.Succeeds(() => informer.Objects.Count.ShouldBe(1));

        // Bookmarks keep it open.
        for (var version = 10; version < 14; version++)
        {
            time.Advance(TimeSpan.FromMinutes(1));
            silent.TryWrite(Event("BOOKMARK", Object("none", version)));
            await Eventually.Succeeds(() => informer.WatchedVersion.ShouldBe($"{version}"));
        }

        _server.Requests.Count.ShouldBe(2);
        time.Advance(TimeSpan.FromMinutes(3));
        await Eventually.Succeeds(() =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            _server.Requests.Count.ShouldBe(3);
        });
        _server.Requests.Last().ShouldContain("resourceVersion=13");
    }

    [Fact]
    public async Task A_watch_that_is_never_answered_is_given_up()
    {
        var time = new FakeTimeProvider();
        var informer = Informer(new InformerOptions<V1ConfigMap>(), time);
        _server.Answer("""{"metadata":{"resourceVersion":"7"},"items":[]}""").Hang();
        _server.AnswerStream();
        _run = informer.RunAsync(_stop.Token);

        await Eventually.Succeeds(() => _server.Requests.Count.ShouldBe(2));
        await Eventually.Succeeds(() =>
        {
            time.Advance(TimeSpan.FromMinutes(1));
            _server.Requests.Count.ShouldBe(3);
        });
    }

    [Fact]
    public async Task A_server_that_could_not_be_reached_for_long_is_watched_again_as_soon_as_it_answers_anybody()
    {
        const int failures = 7;
        var time = new RecordedTime();
        var transport = _server.Transport(time);
        var informer = Informer(new InformerOptions<V1ConfigMap>(), time, transport);
        _server.Answer("""{"metadata":{"resourceVersion":"7"},"items":[]}""");
        for (var i = 0; i < failures; i++)
            _server.Fail(HttpRequestError.ConnectionError);
        _run = informer.RunAsync(_stop.Token);
        await Eventually.Succeeds(() =>
        {
            if (_server.Requests.Count <= failures)
                time.Advance(TimeSpan.FromSeconds(1));
            time.Pauses.ShouldContain(pause => pause > TimeSpan.FromSeconds(6) && pause < TimeSpan.FromSeconds(13));
        });

        _server.Answer("{}").AnswerStream();
        await transport.SendAsync(HttpMethod.Get, "/version", null, "application/json", _stop.Token);
        var waited = 0;
        await Eventually.Succeeds(() =>
        {
            time.Advance(TimeSpan.FromMilliseconds(50));
            waited++;
            _server.Requests.Last().ShouldContain("watch=1");
        });
        waited.ShouldBeLessThan(60);
    }

    [Fact]
    public async Task The_pause_that_the_server_asks_for_is_kept()
    {
        var time = new FakeTimeProvider();
        var informer = Informer(new InformerOptions<V1ConfigMap>(), time);
        _server.Answer("""{"metadata":{"resourceVersion":"7"},"items":[]}""").Answer("{}", HttpStatusCode.TooManyRequests, retryAfter: 40);
        _server.AnswerStream();
        _run = informer.RunAsync(_stop.Token);
        await Eventually.Succeeds(() => _server.Requests.Count.ShouldBe(2));

        var waited = 0;
        await Eventually.Succeeds(() =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            waited++;
            _server.Requests.Count.ShouldBe(3);
        });
        waited.ShouldBeGreaterThanOrEqualTo(40);
    }

    [Fact]
    public async Task Selectors_and_namespace_are_sent_with_list_and_watch()
    {
        var informer = Informer(
            new InformerOptions<V1ConfigMap>
            {
                Namespace = "ns",
                LabelSelector = "a=b,c",
                FieldSelector = "metadata.name=x",
                PageSize = 10,
            },
            TimeProvider.System
        );
        _server.Answer("""{"metadata":{"resourceVersion":"7"},"items":[]}""");
        _server.AnswerStream();
        _run = informer.RunAsync(_stop.Token);

        await Eventually.Succeeds(() => _server.Requests.Count.ShouldBe(2));
        _server
            .Requests.First()
            .ShouldBe("/api/v1/namespaces/ns/configmaps?limit=10&labelSelector=a%3Db%2Cc&fieldSelector=metadata.name%3Dx");
        _server.Requests.Last().ShouldEndWith("&labelSelector=a%3Db%2Cc&fieldSelector=metadata.name%3Dx");
    }

    [Fact]
    public async Task Long_annotations_are_not_kept()
    {
        var informer = Informer(new InformerOptions<V1ConfigMap> { LongestAnnotation = 10 }, TimeProvider.System);
        _server.Answer(
            """
            {"metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"a","resourceVersion":"3",
            "annotations":{"long":"12345678901","short":"1234567890"}}}]}
            """
        );
        _server.AnswerStream();
        _run = informer.RunAsync(_stop.Token);

        await Eventually.Succeeds(() => informer.HasSynced.ShouldBeTrue());
        informer.Objects.Values.ShouldHaveSingleItem().Metadata.Annotations.Keys.ShouldBe(["short"]);
    }

    [Fact]
    public async Task A_subscriber_that_fails_stops_neither_the_others_nor_the_watch()
    {
        var reported = 0;
        _informer.Changed += _ => throw new InvalidOperationException("a fault of the subscriber");
        _informer.Changed += _ => reported++;
        _server.Answer("""{"metadata":{"resourceVersion":"7"},"items":[""" + Object("a", 3) + "," + Object("b", 4) + "]}");
        _server.AnswerStream();
        Start();

        await Eventually.Succeeds(() => reported.ShouldBe(2));
        await Eventually.Succeeds(() => _server.Requests.Count.ShouldBe(2));
    }

    private SharedInformer<V1ConfigMap> Informer(
        InformerOptions<V1ConfigMap> options,
        TimeProvider time,
        KubernetesTransport? transport = null
    ) => new(transport ?? _server.Transport(time), options, time, new Random(1), NullLogger<SharedInformer<V1ConfigMap>>.Instance);

    private void Start() => _run = _informer.RunAsync(_stop.Token);

    private static string Object(string name, int version) =>
        $$$"""{"metadata":{"name":"{{{name}}}","namespace":"ns","resourceVersion":"{{{version}}}"}}""";

    private static string Event(string type, string entity) => $$"""{"type":"{{type}}","object":{{entity}}}""";

    /// <summary>A clock that knows for how long somebody waits or has waited.</summary>
    private sealed class RecordedTime : FakeTimeProvider
    {
        public ConcurrentQueue<TimeSpan> Pauses { get; } = new();

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
        {
            var timer = base.CreateTimer(callback, state, dueTime, period);
            Pauses.Enqueue(dueTime);
            return timer;
        }
    }
}
