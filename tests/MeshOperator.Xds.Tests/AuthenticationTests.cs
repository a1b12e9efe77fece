using Envoy.Config.Core.V3;
using Envoy.Service.LoadStats.V3;
using Grpc.Core;
using MeshOperator.Testing;
using MeshOperator.Xds.LoadStats;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Server;
using MeshOperator.Xds.Tests.Support;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Shouldly;

namespace MeshOperator.Xds.Tests;

/// <summary>What the server makes of the host's word on a client.</summary>
public sealed class AuthenticationTests
{
    [Fact]
    public async Task A_proxy_gets_no_identity_of_another_account_than_it_was_accepted_as()
    {
        await using var server = await XdsTestServer.StartAsync(
            authenticator: new Answer(NodeAuthentication.AcceptedAs("shop", "other", CancellationToken.None))
        );
        await using var client = new DeltaClient(server.Connect(), ShopMesh.Node);
        var response = await client.FetchAsync(ResourceType.Secret, "identity", "trust-bundle");
        response.Resources.ShouldHaveSingleItem().Name.ShouldBe("trust-bundle");
        response.RemovedResources.ShouldBe(["identity"]);
    }

    [Fact]
    public async Task A_proxy_that_is_revoked_is_cut_off()
    {
        using var revoked = new CancellationTokenSource();
        await using var server = await XdsTestServer.StartAsync(
            authenticator: new Answer(NodeAuthentication.AcceptedAs("shop", "web", revoked.Token))
        );
        await using var client = new DeltaClient(server.Connect(), ShopMesh.Node);
        (await client.FetchAsync(ResourceType.Secret, "identity")).Resources.ShouldHaveSingleItem();

        await revoked.CancelAsync();
        (await client.EndAsync()).StatusCode.ShouldBe(StatusCode.PermissionDenied);
        await Eventually.Succeeds(() => server.Registry.Count.ShouldBe(0));
    }

    [Fact]
    public async Task A_flood_of_refusals_is_logged_by_its_number()
    {
        var (time, log) = (new FakeTimeProvider(), new RecordedLog());
        var refusal = NodeAuthentication.Refused(StatusCode.Unauthenticated, RefusalReason.NoToken, "no token");
        await using var server = await XdsTestServer.StartAsync(
            authenticator: new Answer(refusal),
            host: builder =>
            {
                builder.Services.AddSingleton<TimeProvider>(time);
                builder.Services.AddSingleton<Microsoft.Extensions.Logging.ILoggerProvider>(log);
            }
        );
        for (var i = 0; i < 30; i++)
            await RefuseAsync(server, $"web-{i}.shop");

        log.Lines.Count(line => line.StartsWith("Refused a client", StringComparison.Ordinal)).ShouldBe(10);
        time.Advance(TimeSpan.FromMinutes(1));
        log.Lines.ShouldContain(line => line.StartsWith("Refused 20 more clients", StringComparison.Ordinal));
        await RefuseAsync(server, "evil\nline");
        log.Lines.ShouldContain(line => line.Contains("evil?line", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_proxy_is_sent_away_while_too_many_others_wait_to_be_authenticated()
    {
        using var doors = new Doors();
        await using var server = await XdsTestServer.StartAsync(options => options.MaxWaitingStreams = 1, authenticator: doors);
        await using var first = new DeltaClient(server.Connect(), ShopMesh.Node);
        await first.SubscribeAsync(ResourceType.Listener);
        await doors.Asked.WaitAsync(TestContext.Current.CancellationToken);
        await using var second = new DeltaClient(server.Connect(), "web-1.shop");
        await second.SubscribeAsync(ResourceType.Listener);
        var refusal = await second.EndAsync();
        refusal.StatusCode.ShouldBe(StatusCode.Unavailable);

        doors.Open();
        (await first.NextAsync()).Resources.ShouldNotBeEmpty();
        await using var third = new DeltaClient(server.Connect(), "web-1.shop");
        (await third.FetchAsync(ResourceType.Listener)).Resources.ShouldNotBeEmpty();
    }

    [Fact]
    public async Task A_stream_of_load_reports_that_waits_takes_no_place_of_one_of_configuration()
    {
        var cancellation = TestContext.Current.CancellationToken;
        using var doors = new Doors();
        await using var server = await XdsTestServer.StartAsync(options => options.MaxWaitingStreams = 1, authenticator: doors);
        using var channel = server.Connect();
        using var reports = channel.CreateCallInvoker().AsyncDuplexStreamingCall(LoadStatsMethods.Stream, null, new CallOptions());
        await reports.RequestStream.WriteAsync(new LoadStatsRequest { Node = new Node { Id = ShopMesh.Node } }, cancellation);
        await doors.Asked.WaitAsync(cancellation);
        await using var proxy = new DeltaClient(server.Connect(), ShopMesh.Node);
        await proxy.SubscribeAsync(ResourceType.Listener);
        await doors.Asked.WaitAsync(cancellation);
        doors.Open();
        (await proxy.NextAsync()).Resources.ShouldNotBeEmpty();
    }

    private static async Task RefuseAsync(XdsTestServer server, string node)
    {
        await using var client = new DeltaClient(server.Connect(), node);
        await client.SubscribeAsync(ResourceType.Listener);
        (await client.EndAsync()).StatusCode.ShouldBe(StatusCode.Unauthenticated);
    }

    private sealed class Answer(NodeAuthentication answer) : INodeAuthenticator
    {
        public ValueTask<NodeAuthentication> AuthenticateAsync(
            ServerCallContext context,
            string nodeId,
            CancellationToken cancellationToken
        ) => ValueTask.FromResult(answer);
    }

    /// <summary>Lets nobody in until it is opened.</summary>
    private sealed class Doors : INodeAuthenticator, IDisposable
    {
        private readonly TaskCompletionSource _open = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public SemaphoreSlim Asked { get; } = new(0);

        public void Open() => _open.TrySetResult();

        public async ValueTask<NodeAuthentication> AuthenticateAsync(
            ServerCallContext context,
            string nodeId,
            CancellationToken cancellationToken
        )
        {
            Asked.Release();
            await _open.Task.WaitAsync(cancellationToken);
            return NodeAuthentication.AcceptedAsGuest;
        }

        public void Dispose() => Asked.Dispose();
    }
}
