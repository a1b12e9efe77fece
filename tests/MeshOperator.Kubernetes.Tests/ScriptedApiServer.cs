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
    private readonly ConcurrentQueue<Func<HttpResponseMessage>> _script = new();

    /// <summary>What was asked so far: path and query.</summary>
    public ConcurrentQueue<string> Requests { get; } = new();

    public KubernetesTransport Transport(TimeProvider time) => new(
        new k8s.Kubernetes(new KubernetesClientConfiguration { Host = "http://127.0.0.1:1" }, this), time);

    public ScriptedApiServer Answer(string json, HttpStatusCode status = HttpStatusCode.OK)
    {
        _script.Enqueue(() => new HttpResponseMessage(status) { Content = new StringContent(json, Encoding.UTF8, "application/json") });
        return this;
    }

    /// <summary>Answers with a stream that stays open until <see cref="ChannelWriter{T}.Complete"/>.</summary>
    public ChannelWriter<string> AnswerStream()
    {
        var lines = Channel.CreateUnbounded<string>();
        _script.Enqueue(() => new HttpResponseMessage { Content = new StreamContent(new LineStream(lines.Reader)) });
        return lines.Writer;
    }

    protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        Requests.Enqueue(request.RequestUri!.PathAndQuery);
        return _script.TryDequeue(out var answer)
            ? Task.FromResult(answer())
            : throw new HttpRequestException("the script is at its end");
    }

    private sealed class LineStream(ChannelReader<string> lines) : Stream
    {
        private ReadOnlyMemory<byte> _rest;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            while (_rest.IsEmpty)
            {
                if (!await lines.WaitToReadAsync(cancellationToken)) return 0;
                if (lines.TryRead(out var line)) _rest = Encoding.UTF8.GetBytes(line + "\n");
            }

            var count = Math.Min(buffer.Length, _rest.Length);
            _rest[..count].CopyTo(buffer);
            _rest = _rest[count..];
            return count;
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
