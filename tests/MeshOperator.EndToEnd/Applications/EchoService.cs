using Google.Protobuf;
using Grpc.Core;

namespace MeshOperator.EndToEnd.Applications;

/// <summary>The application's gRPC service.</summary>
internal sealed class EchoService(Identity identity) : Echo.EchoBase
{
    /// <summary>With the header <c>x-key</c> the time that the call says it has is noted.</summary>
    public override async Task<EchoReply> Unary(EchoRequest request, ServerCallContext context)
    {
        if (context.RequestHeaders.GetValue("x-key") is { } key)
            Behavior.Note(key, (context.Deadline - TimeProvider.System.GetUtcNow().UtcDateTime).TotalMilliseconds.ToString("0", null));
        if (request.DelayMs > 0)
            await Task.Delay(TimeSpan.FromMilliseconds(request.DelayMs), TimeProvider.System, context.CancellationToken);
        if (request.Status != 0)
            throw new RpcException(new Status((StatusCode)request.Status, request.Text), new Metadata { { "x-detail", request.Text } });
        context.ResponseTrailers.Add("x-trailer", "from the application");
        return Reply(request, context, 1, request.Payload.Length);
    }

    public override async Task Down(EchoRequest request, IServerStreamWriter<EchoReply> responseStream, ServerCallContext context)
    {
        for (var i = 0; i < request.Replies; i++)
        {
            if (request.DelayMs > 0 && i > 0)
                await Task.Delay(TimeSpan.FromMilliseconds(request.DelayMs), TimeProvider.System, context.CancellationToken);
            await responseStream.WriteAsync(Reply(request, context, 1, request.Payload.Length), context.CancellationToken);
        }
    }

    public override async Task<EchoReply> Up(IAsyncStreamReader<EchoRequest> requestStream, ServerCallContext context)
    {
        var (count, bytes, last) = (0, 0L, new EchoRequest());
        await foreach (var request in requestStream.ReadAllAsync(context.CancellationToken))
            (count, bytes, last) = (count + 1, bytes + request.Payload.Length, request);
        return Reply(last, context, count, bytes);
    }

    public override async Task Both(
        IAsyncStreamReader<EchoRequest> requestStream,
        IServerStreamWriter<EchoReply> responseStream,
        ServerCallContext context
    )
    {
        var count = 0;
        await foreach (var request in requestStream.ReadAllAsync(context.CancellationToken))
            await responseStream.WriteAsync(Reply(request, context, ++count, request.Payload.Length), context.CancellationToken);
    }

    private EchoReply Reply(EchoRequest request, ServerCallContext context, int received, long bytes)
    {
        var reply = new EchoReply
        {
            Text = request.Text,
            Pod = identity.Pod,
            Version = identity.Version,
            Received = received,
            ReceivedBytes = bytes,
            Payload = request.ReplyBytes > 0 ? ByteString.CopyFrom(new byte[request.ReplyBytes]) : ByteString.Empty,
        };
        foreach (var entry in context.RequestHeaders.Where(h => !h.IsBinary && h.Key.StartsWith("x-", StringComparison.Ordinal)))
            reply.Metadata[entry.Key] = entry.Value;
        return reply;
    }
}
