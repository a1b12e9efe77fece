using Envoy.Service.LoadStats.V3;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;
using MeshOperator.Xds.Server;

namespace MeshOperator.Xds.LoadStats;

/// <summary>The load reporting service (LRS). A proxy opens one stream and waits until it is asked for something.</summary>
internal sealed class LoadStatsService(LoadStatsCollector collector, StreamLimits limits, StreamDrain drain, AdsStreamContext context)
{
    /// <summary>Of a proxy that is asked for nothing any more.</summary>
    private static readonly Duration Never = Duration.FromTimeSpan(TimeSpan.FromDays(1));

    private static readonly Duration Interval = Duration.FromTimeSpan(LoadStatsCollector.Interval);

    public async Task StreamLoadStats(
        IAsyncStreamReader<LoadStatsRequest> requests,
        IServerStreamWriter<LoadStatsResponse> responses,
        ServerCallContext call
    )
    {
        if (drain.Reason is { } refused)
            throw AdsService.SendAway(call, refused);
        using var lease = limits.Enter(call.Peer, call.GetHttpContext().Connection.RemoteIpAddress);
        using var age = new CancellationTokenSource(AdsService.StreamAge(context.Options), context.Time);
        using var draining = drain.Enter(age);
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(call.CancellationToken, age.Token);
        try
        {
            if (await FirstAsync(requests, call, ends.Token) is { } first)
                await ServeAsync(first, requests, responses, call, ends);
        }
        catch (Exception exception) when (exception is IOException || call.CancellationToken.IsCancellationRequested)
        {
            // The proxy has gone, perhaps without a word; nobody is left to answer.
        }
        catch (OperationCanceledException) when (ends.IsCancellationRequested)
        {
            throw AdsService.SendAway(call, drain.Reason ?? "The stream has reached its age; reconnect.");
        }
    }

    private async Task<LoadStatsRequest?> FirstAsync(
        IAsyncStreamReader<LoadStatsRequest> requests,
        ServerCallContext call,
        CancellationToken cancellation
    )
    {
        try
        {
            return await requests.MoveNext(cancellation).WaitAsync(context.Options.FirstRequestTimeout, context.Time, cancellation)
                ? requests.Current
                : null;
        }
        catch (TimeoutException)
        {
            throw context.Gate.Refuse(
                call,
                string.Empty,
                StatusCode.DeadlineExceeded,
                RefusalReason.TooSlow,
                $"No request came within {context.Options.FirstRequestTimeout}."
            );
        }
    }

    private async Task ServeAsync(
        LoadStatsRequest first,
        IAsyncStreamReader<LoadStatsRequest> requests,
        IServerStreamWriter<LoadStatsResponse> responses,
        ServerCallContext call,
        CancellationTokenSource ends
    )
    {
        var nodeId = context.Gate.ReadId(call, first.Node);
        var authentication = await context.Gate.AuthenticateAsync(call, nodeId, ends.Token);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(ends.Token, authentication.Revoked);
        var asking = AskAsync(responses, either.Token);
        try
        {
            do collector.Add(nodeId, requests.Current);
            while (await requests.MoveNext(either.Token));
        }
        catch (OperationCanceledException) when (authentication.Revoked.IsCancellationRequested)
        {
            throw context.Gate.Refuse(call, nodeId, StatusCode.PermissionDenied, RefusalReason.NoPod, "The pod was deleted.");
        }
        finally
        {
            collector.Forget(nodeId);
            await either.CancelAsync();
            await asking;
        }
    }

    /// <summary>Asks the proxy for what is needed, whenever that changes. As long as nothing was ever needed it is not spoken to.</summary>
    private async Task AskAsync(IServerStreamWriter<LoadStatsResponse> responses, CancellationToken cancellation)
    {
        try
        {
            var seen = collector.Wanted;
            if (seen.Count > 0)
                await WriteAsync(seen);
            while (true)
                await WriteAsync(seen = await collector.WaitForChangeAsync(seen, cancellation));
        }
        catch (Exception exception) when (exception is OperationCanceledException or IOException or InvalidOperationException)
        {
            // The stream has ended, which its other half finds out too.
        }

        Task WriteAsync(IReadOnlySet<string> clusters) =>
            responses
                .WriteAsync(
                    new LoadStatsResponse { Clusters = { clusters }, LoadReportingInterval = clusters.Count == 0 ? Never : Interval },
                    cancellation
                )
                .WaitAsync(context.Options.WriteTimeout, context.Time, cancellation);
    }
}
