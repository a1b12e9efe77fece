using Envoy.Config.Endpoint.V3;
using Envoy.Service.LoadStats.V3;
using Grpc.Core;
using MeshOperator.Proxy.Bootstrap;
using MeshOperator.Proxy.Statistics;
using MeshOperator.Xds.LoadStats;
using Node = Envoy.Config.Core.V3.Node;

namespace MeshOperator.Proxy.Discovery;

/// <summary>Reports what it counts to the operator (LRS): only of the clusters that it is asked for. A call of gRPC counts by its HTTP
/// status.</summary>
internal sealed class LoadReporter(LoadCounts counts, ProxyConfiguration configuration, TimeProvider time)
{
    /// <summary>Runs until the stream or the connection ends.</summary>
    /// <param name="invoker">The connection.</param>
    /// <param name="headers">With the token.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task RunAsync(CallInvoker invoker, Metadata headers, CancellationToken cancellationToken)
    {
        try
        {
            using var call = invoker.AsyncDuplexStreamingCall(
                LoadStatsMethods.Stream,
                null,
                new CallOptions(headers, cancellationToken: cancellationToken)
            );
            await call.RequestStream.WriteAsync(
                new LoadStatsRequest
                {
                    Node = new Node { Id = configuration.NodeId, Cluster = configuration.NodeCluster },
                },
                cancellationToken
            );
            await ReportAsync(call, cancellationToken);
        }
        catch (Exception exception) when (exception is RpcException or OperationCanceledException or IOException)
        {
            // The stream of the configuration, over the same connection, says why, and comes back.
        }
    }

    private async Task ReportAsync(AsyncDuplexStreamingCall<LoadStatsRequest, LoadStatsResponse> call, CancellationToken cancellationToken)
    {
        var next = call.ResponseStream.MoveNext(cancellationToken);
        if (!await next)
            return;
        var asked = Ask();
        while (true)
        {
            using var pause = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var interval = Task.Delay(asked.LoadReportingInterval.ToTimeSpan(), time, pause.Token);
            if (await Task.WhenAny(next, interval) == interval)
            {
                await interval;
                await call.RequestStream.WriteAsync(Report(asked.Clusters), cancellationToken);
                continue;
            }

            await pause.CancelAsync();
            if (!await next)
                return;
            asked = Ask();
        }

        LoadStatsResponse Ask()
        {
            var response = call.ResponseStream.Current;
            // What was counted before is not of what is asked.
            foreach (var cluster in response.Clusters)
                counts.Take(cluster);
            next = call.ResponseStream.MoveNext(cancellationToken);
            return response;
        }
    }

    private LoadStatsRequest Report(IEnumerable<string> clusters)
    {
        var report = new LoadStatsRequest();
        foreach (var cluster in clusters)
        {
            var (successes, errors) = counts.Take(cluster);
            report.ClusterStats.Add(
                new ClusterStats
                {
                    ClusterName = cluster,
                    UpstreamLocalityStats =
                    {
                        new UpstreamLocalityStats { TotalSuccessfulRequests = (ulong)successes, TotalErrorRequests = (ulong)errors },
                    },
                }
            );
        }

        return report;
    }
}
