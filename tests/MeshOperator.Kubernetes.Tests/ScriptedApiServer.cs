using System.Collections.Concurrent;
using System.Net;
using System.Text;
using System.Threading.Channels;
using k8s;
using MeshOperator.Kubernetes.Client;

namespace MeshOperator.Kubernetes.Tests;

/// <summary>Answers requests of a client from a script, in order: what a server may do that a well-behaved one seldom does.</summary>
internal sealed class ScriptedApiServer : DelegatingHandler
{
    private readonly ConcurrentQueue<Func<CancellationToken, Task<HttpResponseMessage>>> _script = new();

    /// <summary>What was asked so far: path and query.</summary>
    public ConcurrentQueue<string> Requests { get; } = new();

    /// <summary>The bodies of what was asked, empty for none.</summary>
    public ConcurrentQueue<string> Bodies { get; } = new();

    /// <summary>The media types that were asked for.</summary>
    public ConcurrentQueue<string> Accepted { get; } = new();

    public KubernetesTransport Transport(TimeProvider time, KubernetesTransportOptions? options = null, string host = "127.0.0.1:1") =>
        new(new k8s.Kubernetes(new KubernetesClientConfiguration { Host = $"http://{host}" }, this), time, options, new Random(1));

    public ScriptedApiServer Answer(string json, HttpStatusCode status = HttpStatusCode.OK, int? retryAfter = null)
    {
        _script.Enqueue(_ =>
        {
            var response = new HttpResponseMessage(status) { Content = new StringContent(json, Encoding.UTF8, "application/json") };
            if (retryAfter is { } seconds)
                response.Headers.RetryAfter = new System.Net.Http.Headers.RetryConditionHeaderValue(TimeSpan.FromSeconds(seconds));
            return Task.FromResult(response);
        });
        return this;
    }

    /// <summary>Fails without an answer.</summary>
    public ScriptedApiServer Fail(HttpRequestError error)
    {
        _script.Enqueue(_ => throw new HttpRequestException(error, "the connection failed"));
        return this;
    }

    /// <summary>Takes the request and never answers.</summary>
    public ScriptedApiServer Hang()
    {
        _script.Enqueue(async cancellation =>
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellation);
            throw new InvalidOperationException("not reached");
        });
        return this;
    }

    /// <summary>Answers with a stream that stays open until <see cref="ChannelWriter{T}.Complete"/>.</summary>
    public ChannelWriter<string> AnswerStream()
    {
        var lines = Channel.CreateUnbounded<string>();
        Answer(new LineStream(lines.Reader));
        return lines.Writer;
    }

    /// <summary>Answers with a body as it comes.</summary>
    public ScriptedApiServer Answer(Stream body, string? mediaType = null)
    {
        var content = new StreamContent(body);
        if (mediaType is not null)
            content.Headers.ContentType = new System.Net.Http.Headers.MediaTypeHeaderValue(mediaType);
        _script.Enqueue(_ => Task.FromResult(new HttpResponseMessage { Content = content }));
        return this;
    }

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        Bodies.Enqueue(request.Content is null ? string.Empty : await request.Content.ReadAsStringAsync(cancellationToken));
        Accepted.Enqueue(request.Headers.Accept.ToString());
        Requests.Enqueue(request.RequestUri!.PathAndQuery);
        return _script.TryDequeue(out var answer)
            ? await answer(cancellationToken)
            : throw new HttpRequestException("the script is at its end");
    }

    private sealed class LineStream(ChannelReader<string> lines) : ForwardStream
    {
        private ReadOnlyMemory<byte> _rest;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            while (_rest.IsEmpty)
            {
                if (!await lines.WaitToReadAsync(cancellationToken))
                    return 0;
                if (lines.TryRead(out var line))
                    _rest = Encoding.UTF8.GetBytes(line + "\n");
            }

            var count = Math.Min(buffer.Length, _rest.Length);
            _rest[..count].CopyTo(buffer);
            _rest = _rest[count..];
            return count;
        }
    }
}
