using Envoy.Config.Core.V3;
using Envoy.Config.Endpoint.V3;
using Envoy.Service.LoadStats.V3;
using Grpc.Core;
using Grpc.Net.Client;
using MeshOperator.Testing;
using MeshOperator.Xds.LoadStats;
using MeshOperator.Xds.Server;
using MeshOperator.Xds.Tests.Support;
using Shouldly;
using Xunit;

namespace MeshOperator.Xds.Tests;

public sealed class LoadStatsTests
{
    [Fact]
    public async Task A_proxy_is_not_spoken_to_before_something_needs_its_counts()
    {
        await using var server = await XdsTestServer.StartAsync();
        using var proxy = new Reporter(server);
        await proxy.BeginAsync("web-0.shop");
        var next = proxy.NextAsync();

        server.Loads.Want(["v1", "v2"]);
        var asked = await next;
        asked.Clusters.Order(StringComparer.Ordinal).ShouldBe(["v1", "v2"]);
        asked.LoadReportingInterval.ToTimeSpan().ShouldBe(LoadStatsCollector.Interval);

        server.Loads.Want([]);
        var released = await proxy.NextAsync();
        released.Clusters.ShouldBeEmpty();
        released.LoadReportingInterval.ToTimeSpan().ShouldBe(TimeSpan.FromDays(1));
    }

    [Fact]
    public async Task What_proxies_count_is_added_up_and_what_was_not_asked_for_is_not()
    {
        await using var server = await XdsTestServer.StartAsync();
        server.Loads.Want(["v1"]);
        using var web = new Reporter(server);
        using var api = new Reporter(server);
        await web.BeginAsync("web-0.shop");
        await api.BeginAsync("api-0.shop");
        await web.ReportAsync(("v1", 10, 2), ("other", 99, 99));
        await web.ReportAsync(("v1", 5, 0));
        await api.ReportAsync(("v1", 100, 1));

        await Eventually.Succeeds(() => server.Loads.Take()["v1"].ShouldBe(new ClusterLoad(118, 3, 2)));
        server.Loads.Take().Keys.ShouldBe(["v1"]);
    }

    [Fact]
    public async Task Counts_of_a_proxy_that_has_gone_stay_but_it_reports_no_more()
    {
        await using var server = await XdsTestServer.StartAsync();
        server.Loads.Want(["v1"]);
        using (var proxy = new Reporter(server))
        {
            await proxy.BeginAsync("web-0.shop");
            await proxy.ReportAsync(("v1", 10, 2));
            await Eventually.Succeeds(() => server.Loads.Take()["v1"].ShouldBe(new ClusterLoad(12, 2, 1)));
        }

        await Eventually.Succeeds(() => server.Loads.Take()["v1"].ShouldBe(new ClusterLoad(12, 2, 0)));
    }

    [Fact]
    public async Task Who_is_not_let_in_reports_nothing()
    {
        await using var server = await XdsTestServer.StartAsync(authenticator: new RefuseAll());
        server.Loads.Want(["v1"]);
        using var proxy = new Reporter(server);
        await proxy.BeginAsync("web-0.shop");

        var refusal = await Should.ThrowAsync<RpcException>(proxy.NextAsync);

        refusal.Status.ShouldBe(new Status(StatusCode.Unauthenticated, "no token"));
        server.Loads.Take()["v1"].ShouldBe(new ClusterLoad(0, 0, 0));
    }

    [Fact]
    public async Task A_first_message_without_a_node_is_refused()
    {
        await using var server = await XdsTestServer.StartAsync();
        using var proxy = new Reporter(server);
        await proxy.ReportAsync(("v1", 1, 1));

        var refusal = await Should.ThrowAsync<RpcException>(proxy.NextAsync);

        refusal.Status.Detail.ShouldBe("The first request must have a node.");
    }

    private sealed class RefuseAll : INodeAuthenticator
    {
        public ValueTask<NodeAuthentication> AuthenticateAsync(
            ServerCallContext context,
            string nodeId,
            CancellationToken cancellationToken
        ) => ValueTask.FromResult(NodeAuthentication.Refused(StatusCode.Unauthenticated, RefusalReason.NoToken, "no token"));
    }

    private sealed class Reporter : IDisposable
    {
        private readonly GrpcChannel _channel;
        private readonly AsyncDuplexStreamingCall<LoadStatsRequest, LoadStatsResponse> _call;

        public Reporter(XdsTestServer server)
        {
            _channel = server.Connect();
            _call = _channel.CreateCallInvoker().AsyncDuplexStreamingCall(LoadStatsMethods.Stream, null, new CallOptions());
        }

        public Task BeginAsync(string nodeId) => _call.RequestStream.WriteAsync(new LoadStatsRequest { Node = new Node { Id = nodeId } });

        public async Task<LoadStatsResponse> NextAsync()
        {
            (await _call.ResponseStream.MoveNext(TestContext.Current.CancellationToken)).ShouldBeTrue();
            return _call.ResponseStream.Current;
        }

        public Task ReportAsync(params (string Cluster, ulong Good, ulong Bad)[] counts) =>
            _call.RequestStream.WriteAsync(
                new LoadStatsRequest
                {
                    ClusterStats =
                    {
                        counts.Select(count => new ClusterStats
                        {
                            ClusterName = count.Cluster,
                            UpstreamLocalityStats =
                            {
                                new UpstreamLocalityStats { TotalSuccessfulRequests = count.Good, TotalErrorRequests = count.Bad },
                            },
                        }),
                    },
                }
            );

        public void Dispose()
        {
            _call.Dispose();
            _channel.Dispose();
        }
    }
}
