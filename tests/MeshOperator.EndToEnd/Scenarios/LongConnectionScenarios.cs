using System.Net;
using System.Net.WebSockets;
using System.Text;
using MeshOperator.EndToEnd.Clients;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>What lasts longer than any drain is not cut by a change of policy, unless the change takes it away.</summary>
public sealed class LongConnectionScenarios(TestMesh mesh) : Scenario(mesh)
{
    /// <summary>Longer than the proxies' drain time.</summary>
    private static readonly TimeSpan Long = TimeSpan.FromSeconds(45);

    [Fact]
    public async Task Requests_streams_WebSockets_and_connections_outlast_changes_of_every_policy()
    {
        var shop = await DeployAsync("long");
        var friend = shop.Workload("friend").Client;
        await RulesAsync(shop, $"allow: [{{namespaces: [{shop.Name}]}}]");
        var open = await OpenAsync(friend);

        await RulesAsync(shop, $"allow: [{{namespaces: [{shop.Name}, elsewhere]}}]");
        await shop.ApplyAsync(Policy("RateLimit", "selector: {matchLabels: {app: web}}, limits: [{requests: 1000}]"));
        await shop.ApplyAsync(
            Policy("TrafficSplit", "service: web, port: 7, backends: [{service: web, weight: 1}, {service: other, port: 80, weight: 0}]")
        );
        await shop.ApplyAsync(Policy("RetryPolicy", "targetRefs: [{kind: Service, name: web}], attempts: 2"));
        await shop.ApplyAsync(Policy("CircuitBreaker", "targetRefs: [{kind: Service, name: web}], maxConnections: 100"));

        await open.LastsAsync();
        await open.Connection.SendAsync("after");
        (await open.Connection.ReadUntilAsync("after")).ShouldBe("after");
        open.Dispose();
    }

    [Fact]
    public async Task A_revocation_ends_silent_connections_of_its_port_and_no_request()
    {
        var shop = await DeployAsync("revoke");
        var friend = shop.Workload("friend").Client;
        var other = shop.Workload("other").Client;
        var open = await OpenAsync(friend);
        using var silent = await EchoAsync(other);

        await RulesAsync(shop, $"deny: [{{serviceAccounts: [other]}}]");

        (await silent.ReadToEndAsync(TimeSpan.FromSeconds(32))).ShouldBeEmpty();
        await open.LastsAsync();
        (await other.GetAsync("http://web/")).Status.ShouldBe(HttpStatusCode.Forbidden);
        open.Dispose();
    }

    [Fact]
    public async Task A_policy_that_says_so_ends_streams_that_it_admitted_before()
    {
        var shop = await DeployAsync("ends");
        var friend = shop.Workload("friend").Client;
        await RulesAsync(shop, $"endOpenStreams: true, allow: [{{namespaces: [{shop.Name}]}}]");
        await Eventually.Succeeds(async () => (await friend.GetAsync("http://web/")).Status.ShouldBe(HttpStatusCode.OK));
        using var socket = await friend.WebSocketAsync("ws://web/socket");
        using var silent = await EchoAsync(friend);

        await RulesAsync(shop, "endOpenStreams: true, allow: [{serviceAccounts: [other]}]");

        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(33));
        await Should.ThrowAsync<WebSocketException>(async () => await socket.ReceiveAsync(new byte[16], limit.Token));
    }

    private async Task<TestNamespace> DeployAsync(string name)
    {
        var shop = await NamespaceAsync(name, proxies: 3, Turn.Aside);
        await Task.WhenAll(
            shop.DeployAsync(new WorkloadSpec("web") { Ports = [Port.Http, Port.Echo] }),
            shop.DeployAsync("friend", account: "friend"),
            shop.DeployAsync("other", account: "other")
        );
        return shop;
    }

    private static Task RulesAsync(TestNamespace shop, string rules) =>
        shop.ApplyAsync(Policy("MtlsPolicy", $"selector: {{matchLabels: {{app: web}}}}, mode: Permissive, {rules}"));

    private static string Policy(string kind, string spec) =>
        $"{{apiVersion: meshoperator.io/v1alpha1, kind: {kind}, metadata: {{name: web}}, spec: {{{spec}}}}}";

    private static async Task<Opened> OpenAsync(Client client)
    {
        await Eventually.Succeeds(async () => (await client.GetAsync("http://web/")).Status.ShouldBe(HttpStatusCode.OK));
        return new Opened(
            client.GetAsync("http://web/", $"x-delay: {Long.TotalMilliseconds}"),
            client.GetAsync("http://web/events", "x-count: 46", "x-interval: 1000"),
            await client.WebSocketAsync("ws://web/socket"),
            await EchoAsync(client)
        );
    }

    private static async Task<RawConnection> EchoAsync(Client client)
    {
        RawConnection? answered = null;
        await Eventually.Succeeds(async () =>
        {
            var connection = await client.ConnectAsync("web", Port.Echo.Number);
            await connection.SendAsync("before");
            (await connection.ReadUntilAsync("before")).ShouldBe("before");
            answered = connection;
        });
        return answered!;
    }

    /// <summary>What is open of each kind.</summary>
    private sealed record Opened(Task<Reply> Request, Task<Reply> Events, ClientWebSocket Socket, RawConnection Connection) : IDisposable
    {
        /// <summary>Waits until the request and the stream of events have ended by themselves, and finds the WebSocket alive.</summary>
        public async Task LastsAsync()
        {
            (await Request).Status.ShouldBe(HttpStatusCode.OK);
            var events = await Events;
            events.Status.ShouldBe(HttpStatusCode.OK);
            events.Body.Split("data: ").Length.ShouldBe(47);
            var buffer = new byte[64];
            await Socket.SendAsync(
                Encoding.ASCII.GetBytes("after"),
                WebSocketMessageType.Text,
                endOfMessage: true,
                TestContext.Current.CancellationToken
            );
            var message = await Socket.ReceiveAsync(buffer, TestContext.Current.CancellationToken);
            Encoding.ASCII.GetString(buffer, 0, message.Count).ShouldBe("after");
        }

        public void Dispose()
        {
            Socket.Dispose();
            Connection.Dispose();
        }
    }
}
