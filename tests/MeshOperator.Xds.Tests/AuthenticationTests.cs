using Grpc.Core;
using MeshOperator.Testing;
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
}
