using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using k8s.Models;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Testing;
using Microsoft.Extensions.Time.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.Kubernetes.Tests;

/// <summary>How an informer reads a list as it comes from the wire.</summary>
public sealed class ListTests : IAsyncDisposable
{
    /// <summary>Some characters escaped and others not, as servers do.</summary>
    private static readonly JsonSerializerOptions Relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly ScriptedApiServer _server = new();
    private readonly RecordedLog<SharedInformer<V1ConfigMap>> _log = new();
    private readonly CancellationTokenSource _stop = new();
    private Task _run = Task.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _run;
        _stop.Dispose();
        _server.Dispose();
    }

    [Theory]
    [InlineData(
        """
            {"kind":"ConfigMapList","items":[MAP],"extra":{"items":[1],"metadata":{"resourceVersion":"1"}},"metadata":{"continue":"next",
            "resourceVersion":"7"}}
            """
    )]
    [InlineData(
        """
            {"metadata":{"remainingItemCount":"two","resourceVersion":"7","selfLink":null,"continue":"next"},"apiVersion":"v1",
            "items":[MAP]}
            """
    )]
    [InlineData(""" { "it\u0065ms" : [ MAP ] , "metadata" : { "resourceVersion" : "7" , "continue" : "next" } } """)]
    public async Task Metadata_comes_before_or_after_the_items(string page)
    {
        _server.Answer(page.Replace("MAP", Map("a", "1"), StringComparison.Ordinal)).Answer(List(Map("b", "2")));
        var informer = await ListAsync();

        informer.Objects.Keys.Select(k => k.Name).ShouldBe(["a", "b"], ignoreOrder: true);
        _server.Requests.ElementAt(1).ShouldContain("continue=next");
        informer.WatchedVersion.ShouldBe("7");
    }

    [Theory]
    [InlineData("""{"metadata":{"resourceVersion":"7"},"items":[]}""")]
    [InlineData("""{"metadata":{"resourceVersion":"7"},"items":null}""")]
    [InlineData("""{"items":null,"metadata":{"resourceVersion":"7"}}""")]
    [InlineData("""{"metadata":{"resourceVersion":"7"}}""")]
    public async Task A_list_may_have_no_items(string list)
    {
        _server.Answer(list);
        (await ListAsync()).Objects.ShouldBeEmpty();
        _server.Requests.Count(r => !r.Contains("watch=1", StringComparison.Ordinal)).ShouldBe(1);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(4096)]
    [InlineData(1_000_000)]
    public async Task What_is_read_does_not_depend_on_the_pieces_in_which_it_comes(int piece)
    {
        // The sizes put whatever is in the text at the borders of whichever buffer.
        string[] values =
        [
            .. Enumerable.Range(0, 80).Select(i => new string('x', 997 + i) + """ " \ / {"items":[ \u00e9 é € 😀 """ + "\n\t\u0001"),
            new string('€', 100_000),
        ];
        _server.Answer(new PieceStream(List([.. values.Select((v, i) => Map($"map-{i}", v))]), piece));
        var informer = await ListAsync();

        informer.Objects.Count.ShouldBe(values.Length);
        for (var i = 0; i < values.Length; i++)
            informer.Objects[new ObjectKey("ns", $"map-{i}")].Data["key"].ShouldBe(values[i]);
    }

    [Fact]
    public async Task A_page_that_is_cut_within_an_object_is_asked_for_again_and_nothing_of_it_is_kept()
    {
        _server.Answer("""{"metadata":{"resourceVersion":"7","continue":"next"},"items":[""" + Map("a", "1") + "]}");
        var cut = _server.AnswerStream();
        cut.TryWrite("""{"metadata":{"resourceVersion":"7"},"items":[""" + Map("gone", "2") + "," + Map("b", "3")[..40]);
        cut.Complete(new IOException("the connection broke"));
        _server.Answer(List(Map("b", "3"), Map("c", "4")));
        var reported = new List<string>();
        var informer = await ListAsync(reported);

        informer.Objects.Keys.Select(k => k.Name).ShouldBe(["a", "b", "c"], ignoreOrder: true);
        reported.ShouldBe(["a", "b", "c"], ignoreOrder: true);
        var requests = _server.Requests.ToArray();
        requests[1].ShouldContain("continue=next");
        requests[2].ShouldBe(requests[1]);
        _log.Lines.ShouldBeEmpty();
    }

    [Fact]
    public async Task A_page_that_stops_coming_is_asked_for_again()
    {
        var time = new FakeTimeProvider();
        _server.AnswerStream().TryWrite("""{"metadata":{"resourceVersion":"7"},"items":[""" + Map("gone", "1") + "," + Map("a", "2")[..40]);
        _server.Answer(List(Map("a", "2")));
        _server.AnswerStream();
        var informer = Start(time);

        await Eventually.Succeeds(() =>
        {
            time.Advance(TimeSpan.FromSeconds(1));
            informer.HasSynced.ShouldBeTrue();
        });
        informer.Objects.Keys.ShouldHaveSingleItem().Name.ShouldBe("a");
    }

    [Theory]
    [InlineData("""{"metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"a"}}""", "is not JSON")]
    [InlineData("""{"metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"a"},]}""", "is not JSON")]
    [InlineData("", "is not JSON")]
    [InlineData("null", "has no metadata or no items")]
    [InlineData("[]", "has no metadata or no items")]
    [InlineData("""{"metadata":[],"items":[]}""", "has no metadata or no items")]
    [InlineData("""{"metadata":{"resourceVersion":"7"},"items":{"a":1}}""", "has no metadata or no items")]
    [InlineData("""{"metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"a"}},null]}""", "has an object without a name")]
    [InlineData("""{"metadata":{"resourceVersion":"7"},"items":[{"metadata":{}}]}""", "has an object without a name")]
    [InlineData("""{"items":[]}""", "has no resource version")]
    public async Task What_is_no_list_is_reported_and_listed_again(string answer, string why)
    {
        _server.Answer(answer).Answer(List(Map("b", "1")));
        var informer = await ListAsync();

        informer.Objects.Keys.ShouldHaveSingleItem().Name.ShouldBe("b");
        _log.Lines.ShouldHaveSingleItem().ShouldContain($"The list of configmaps {why}");
    }

    [Fact]
    public async Task The_error_about_an_object_that_is_too_long_names_its_kind()
    {
        _server.Answer(List(Map("a", new string('x', 17 * 1024 * 1024)))).Answer(List(Map("b", "1")));
        var informer = await ListAsync();

        informer.Objects.Keys.ShouldHaveSingleItem().Name.ShouldBe("b");
        _log.Lines.ShouldHaveSingleItem().ShouldContain("The list of configmaps has an object that is longer than 16777216 bytes");
    }

    private async Task<SharedInformer<V1ConfigMap>> ListAsync(List<string>? reported = null)
    {
        _server.AnswerStream();
        var informer = Start(TimeProvider.System, reported);
        await Eventually.Succeeds(() => _server.Requests.Last().ShouldContain("watch=1"));
        return informer;
    }

    private SharedInformer<V1ConfigMap> Start(TimeProvider time, List<string>? reported = null)
    {
        var transport = _server.Transport(time, new KubernetesTransportOptions { RetryDelay = TimeSpan.FromMilliseconds(1) });
        var informer = new SharedInformer<V1ConfigMap>(transport, new InformerOptions<V1ConfigMap>(), time, new Random(1), _log);
        informer.Changed += change => reported?.Add(change.Key.Name);
        _run = informer.RunAsync(_stop.Token);
        return informer;
    }

    private static string List(params string[] maps) =>
        $$$"""{"metadata":{"resourceVersion":"7"},"items":[{{{string.Join(',', maps)}}}]}""";

    private static string Map(string name, string value) =>
        $$$"""
        {"metadata":{"name":"{{{name}}}","namespace":"ns","resourceVersion":"3"},"data":{"key":{{{JsonSerializer.Serialize(value,
        Relaxed)}}}}}
        """;

    private sealed class PieceStream(string text, int piece) : MemoryStream(Encoding.UTF8.GetBytes(text))
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(buffer.Length, piece)], cancellationToken);
    }
}
