using System.Collections.Concurrent;
using System.Net;
using k8s.Models;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Testing;
using Microsoft.Extensions.Logging.Abstractions;
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
        _informer = new SharedInformer<V1ConfigMap>(
            _server.Transport(TimeProvider.System), new InformerOptions<V1ConfigMap>(), TimeProvider.System, new Random(1), NullLogger<SharedInformer<V1ConfigMap>>.Instance);
        _informer.Changed += c => _changes.Enqueue($"{(c.New is null ? "-" : c.Old is null ? "+" : "~")}{c.Key}@{(c.New ?? c.Old)!.Metadata.ResourceVersion}");
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
        _server.Answer("""{"metadata":{"resourceVersion":"7","continue":"next/page"},"items":[""" + Object("a", 3) + "]}")
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
    public async Task A_version_that_is_too_old_leads_to_a_new_list_whose_difference_is_told(string form)
    {
        const string gone = """{"kind":"Status","apiVersion":"v1","status":"Failure","message":"too old resource version","reason":"Expired","code":410}""";
        _server.Answer("""{"metadata":{"resourceVersion":"7"},"items":[""" + Object("stays", 1) + "," + Object("changes", 2) + "," + Object("goes", 3) + "]}");
        if (form == "status") _server.Answer(gone, HttpStatusCode.Gone);
        else
        {
            var first = _server.AnswerStream();
            first.TryWrite(Event("ERROR", form == "event" ? gone : gone.Replace(",\"code\":410", string.Empty, StringComparison.Ordinal)));
        }

        _server.Answer("""{"metadata":{"resourceVersion":"20"},"items":[""" + Object("stays", 1) + "," + Object("changes", 12) + "," + Object("new", 13) + "]}");
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
        _server.Answer("""{"kind":"Status","message":"etcd is down","code":500}""", HttpStatusCode.InternalServerError)
            .Answer("""{"metadata":{"resourceVersion":"7"},"items":[""" + Object("a", 3) + "]}");
        var watch = _server.AnswerStream();
        _server.Answer("not json at all", HttpStatusCode.ServiceUnavailable);
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
        _server.Answer("""{"metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"a","namespace":"ns","resourceVersion":"3","managedFields":[{"manager":"kubectl"}],"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{}","kept":"yes"}}}]}""");
        _server.AnswerStream();
        Start();

        await Eventually.Succeeds(() => _informer.HasSynced.ShouldBeTrue());
        var metadata = _informer.Objects.Values.ShouldHaveSingleItem().Metadata;
        metadata.ManagedFields.ShouldBeNull();
        metadata.Annotations.ShouldBe(new Dictionary<string, string> { ["kept"] = "yes" });
    }

    private void Start() => _run = _informer.RunAsync(_stop.Token);

    private static string Object(string name, int version) => $$$"""{"metadata":{"name":"{{{name}}}","namespace":"ns","resourceVersion":"{{{version}}}"}}""";

    private static string Event(string type, string entity) => $$"""{"type":"{{type}}","object":{{entity}}}""";
}
