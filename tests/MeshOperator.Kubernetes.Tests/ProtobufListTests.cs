using System.Buffers;
using System.Text;
using k8s.Models;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.Kubernetes.Tests;

/// <summary>How an informer reads a list that comes as protobuf.</summary>
public sealed class ProtobufListTests : IAsyncDisposable
{
    private const string MediaType = "application/vnd.kubernetes.protobuf";
    private readonly ScriptedApiServer _server = new();
    private readonly RecordedLog<SharedInformer<V1Pod>> _log = new();
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
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(4096)]
    [InlineData(10_000_000)]
    public async Task What_is_read_does_not_depend_on_the_pieces_in_which_it_comes(int piece)
    {
        string[] names = [.. Enumerable.Range(0, 70).Select(i => $"pod-{i}-" + new string('x', i * i)), new string('y', 200_000)];
        _server.Answer(new Pieces(List("7", null, names), piece), MediaType);
        var informer = await ListAsync();

        informer.Objects.Keys.Select(key => key.Name).ShouldBe(names, ignoreOrder: true);
        informer.WatchedVersion.ShouldBe("7");
    }

    [Fact]
    public async Task A_list_goes_on_where_its_metadata_says()
    {
        _server.Answer(new MemoryStream(List("7", "next", "a")), MediaType).Answer(new MemoryStream(List("8", "", "b")), MediaType);
        var informer = await ListAsync();

        informer.Objects.Keys.Select(key => key.Name).ShouldBe(["a", "b"], ignoreOrder: true);
        _server.Requests.ElementAt(1).ShouldContain("continue=next");
    }

    [Fact]
    public async Task A_server_may_answer_in_json_all_the_same()
    {
        _server.Answer("""{"metadata":{"resourceVersion":"7"},"items":[{"metadata":{"name":"a"}}]}""");
        (await ListAsync()).Objects.Keys.ShouldHaveSingleItem().Name.ShouldBe("a");
        _server.Accepted.First().ShouldBe($"{MediaType}, application/json;q=0.9");
    }

    [Fact]
    public async Task Only_the_first_list_comes_from_the_watch_cache()
    {
        _server.Answer("""{"metadata":{"resourceVersion":"7"},"items":[]}""");
        _server.Answer("""{"kind":"Status","code":410,"reason":"Gone"}""", System.Net.HttpStatusCode.Gone);
        _server.Answer("""{"metadata":{"resourceVersion":"9"},"items":[]}""");
        await ListAsync();

        var lists = _server.Requests.Where(request => !request.Contains("watch=1", StringComparison.Ordinal)).ToList();
        lists.ShouldBe(["/api/v1/pods?limit=500&resourceVersion=0", "/api/v1/pods?limit=500"]);
    }

    [Fact]
    public async Task A_list_that_ends_within_an_object_is_asked_for_again_and_nothing_of_it_is_kept()
    {
        var list = List("7", null, "gone", "b");
        foreach (var length in new[] { 2, 9, 20, list.Length - 5 })
            _server.Answer(new MemoryStream(list[..length]), MediaType);
        _server.Answer(new MemoryStream(List("7", null, "b", "c")), MediaType);
        var informer = await ListAsync();

        informer.Objects.Keys.Select(key => key.Name).ShouldBe(["b", "c"], ignoreOrder: true);
    }

    [Fact]
    public async Task What_is_no_list_is_reported_and_listed_again()
    {
        _server.Answer(new MemoryStream(Encoding.UTF8.GetBytes("no protobuf at all, but text")), MediaType);
        _server.Answer(new MemoryStream(List("7", null, "b")), MediaType);
        var informer = await ListAsync();

        informer.Objects.Keys.ShouldHaveSingleItem().Name.ShouldBe("b");
        _log.Lines.ShouldHaveSingleItem().ShouldContain("The list of pods is not the protobuf that its media type promises");
    }

    [Fact]
    public async Task The_error_about_an_object_that_is_too_long_names_its_kind()
    {
        _server.Answer(new MemoryStream(List("7", null, new string('x', 17 * 1024 * 1024))), MediaType);
        _server.Answer(new MemoryStream(List("7", null, "b")), MediaType);
        var informer = await ListAsync();

        informer.Objects.Keys.ShouldHaveSingleItem().Name.ShouldBe("b");
        _log.Lines.ShouldHaveSingleItem().ShouldContain("The list of pods has an object that is longer than 16777216 bytes");
    }

    private async Task<SharedInformer<V1Pod>> ListAsync()
    {
        _server.AnswerStream();
        var informer = new SharedInformer<V1Pod>(
            _server.Transport(
                TimeProvider.System,
                new KubernetesTransportOptions { RetryDelay = TimeSpan.FromMilliseconds(1), MaxRetries = 5 }
            ),
            new InformerOptions<V1Pod> { ReadProtobuf = ReadName, FirstListFromCache = true },
            TimeProvider.System,
            new Random(1),
            _log
        );
        _run = informer.RunAsync(_stop.Token);
        await Eventually.Succeeds(() => _server.Requests.Last().ShouldContain("watch=1"));
        return informer;
    }

    /// <summary>The messages of these tests are the name alone.</summary>
    private static V1Pod ReadName(ReadOnlySequence<byte> message) =>
        new() { Metadata = new V1ObjectMeta { Name = Encoding.UTF8.GetString(message) } };

    /// <summary>A list with what a server writes beside it: the kind before, and a media type behind, the list.</summary>
    private static byte[] List(string version, string? next, params string[] items)
    {
        byte[] remaining = next is null ? [] : [4 << 3, 0x96, 0x01];
        byte[] metadata = [.. Field(2, Encoding.UTF8.GetBytes(version)), .. Field(3, Encoding.UTF8.GetBytes(next ?? "")), .. remaining];
        byte[] list = [.. Field(1, metadata), .. items.SelectMany(item => Field(2, Encoding.UTF8.GetBytes(item)))];
        byte[] kind = [.. Field(1, "v1"u8.ToArray()), .. Field(2, "PodList"u8.ToArray())];
        return [.. "k8s\0"u8, .. Field(1, kind), .. Field(2, list), .. Field(3, []), .. Field(4, [])];
    }

    private static byte[] Field(int number, byte[] value) => [(byte)((number << 3) | 2), .. Varint(value.Length), .. value];

    private static List<byte> Varint(int value)
    {
        var bytes = new List<byte>();
        for (; value >= 0x80; value >>= 7)
            bytes.Add((byte)(value | 0x80));
        bytes.Add((byte)value);
        return bytes;
    }

    private sealed class Pieces(byte[] bytes, int piece) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(buffer.Length, piece)], cancellationToken);
    }
}
