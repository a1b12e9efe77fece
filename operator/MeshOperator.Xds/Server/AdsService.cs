using System.Security.Cryptography;
using System.Threading.Channels;
using Envoy.Service.Discovery.V3;
using Grpc.Core;
using MeshOperator.Xds.Cache;

namespace MeshOperator.Xds.Server;

/// <summary>The aggregated discovery service in both variants of the protocol.</summary>
internal sealed class AdsService(AdsStreamContext context, StreamLimits limits, StreamDrain drain)
{
    /// <summary>Requests beyond these stay in the client's connection until the stream has taken the earlier ones.</summary>
    private const int QueuedRequests = 64;

    public Task StreamAggregatedResources(IAsyncStreamReader<DiscoveryRequest> requests, ServerCallContext call) =>
        RunAsync(isDelta: false, requests, ClientRequest.From, call);

    public Task DeltaAggregatedResources(IAsyncStreamReader<DeltaDiscoveryRequest> requests, ServerCallContext call) =>
        RunAsync(isDelta: true, requests, ClientRequest.From, call);

    private async Task RunAsync<TRequest>(
        bool isDelta,
        IAsyncStreamReader<TRequest> requests,
        Func<TRequest, ClientRequest> convert,
        ServerCallContext call
    )
    {
        if (drain.Reason is { } refused)
            throw SendAway(call, refused);
        using var lease = limits.Enter(call.Peer, call.GetHttpContext().Connection.RemoteIpAddress);
        using var age = new CancellationTokenSource(StreamAge(context.Options), context.Time);
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(call.CancellationToken, age.Token);
        using var draining = drain.Enter(age);
        var queue = Channel.CreateBounded<ClientRequest>(
            new BoundedChannelOptions(QueuedRequests) { SingleReader = true, SingleWriter = true }
        );
        var signal = new WakeSignal();
        context.Metrics.StreamOpened();
        using var stream = new AdsStream(context, call, isDelta, queue.Reader, signal);
        var reading = ReadAsync(requests, convert, queue.Writer, signal, ends.Token);
        try
        {
            await stream.RunAsync(ends.Token);
        }
        catch (Exception exception) when (exception is IOException || call.CancellationToken.IsCancellationRequested)
        {
            // The client has gone, perhaps without a word; nobody is left to answer.
        }
        catch (OperationCanceledException) when (ends.IsCancellationRequested)
        {
            throw SendAway(call, drain.Reason ?? "The stream has reached its age; reconnect.");
        }
        catch (Exception exception) when (exception is not RpcException)
        {
            context.Log.StreamFailed(exception, call.Peer);
            throw;
        }
        finally
        {
            context.Metrics.StreamClosed();
            await ends.CancelAsync();
            await reading;
        }
    }

    /// <summary>Ends a stream and, by a GOAWAY, its connection: over that the client would come back to this replica, wherever its Service
    /// leads.</summary>
    public static RpcException SendAway(ServerCallContext call, string reason)
    {
        call.GetHttpContext().Connection.RequestClose();
        return new RpcException(new Status(StatusCode.Unavailable, reason));
    }

    private static async Task ReadAsync<TRequest>(
        IAsyncStreamReader<TRequest> requests,
        Func<TRequest, ClientRequest> convert,
        ChannelWriter<ClientRequest> queue,
        WakeSignal signal,
        CancellationToken cancellationToken
    )
    {
        try
        {
            while (await requests.MoveNext(cancellationToken))
            {
                await queue.WriteAsync(convert(requests.Current), cancellationToken);
                signal.Set();
            }

            queue.Complete();
        }
#pragma warning disable CA1031 // It reaches the stream's loop through the queue.
        catch (Exception exception)
#pragma warning restore CA1031
        {
            queue.Complete(exception);
        }

        signal.Set();
    }

    /// <summary>How long a stream may last: up to a tenth more than is set, at random.</summary>
    public static TimeSpan StreamAge(XdsServerOptions options)
    {
        var age = options.MaxStreamAge;
        return age <= TimeSpan.Zero ? Timeout.InfiniteTimeSpan : age + (age * (RandomNumberGenerator.GetInt32(1000) / 10_000.0));
    }
}
