using MeshOperator.Local.Application;
using Shouldly;
using Xunit;

namespace MeshOperator.LocalMeshTests.ProxyScenarios;

/// <summary>gRPC, bytes and WebSockets, through the proxy and through local ports.</summary>
public abstract class ProtocolScenarios(ScenarioMesh mesh) : ProxyScenario(mesh)
{
    private const int GrpcPort = 9000;
    private const int LocalHttp = 19000;
    private const int LocalGrpc = 19001;
    private const int LocalBytes = 19002;

    [Fact]
    public async Task Calls_are_balanced_over_the_pods()
    {
        var before = Mesh.Running.Pods("web").ToDictionary(pod => pod.Name, pod => pod.StandIn!.Requests);

        (await CallGrpcAsync(60)).ShouldAllBe(call => call.Status == "grpc-status 0");

        Mesh.Running.Pods("web").ShouldAllBe(pod => pod.StandIn!.Requests - before[pod.Name] > 10);
    }

    [Fact]
    public async Task Status_arrives()
    {
        (await CallGrpcAsync(50, ("x-standin-status", "5"))).ShouldAllBe(call => call.Status == "grpc-status 5");
    }

    [Fact]
    public async Task Local_ports_lead_to_services_of_every_protocol_over_mutual_TLS()
    {
        var friend = Mesh.Running.FindPod("friend");
        (await Outside(friend, LocalHttp).GetAsync("/")).Caller.ShouldBe("spiffe://cluster.local/ns/scenarios/sa/friend");

        (await Outside(friend, LocalGrpc).CallGrpcAsync()).Headers["grpc-status"].ShouldBe("0");
        (await Outside(friend, LocalGrpc).CallGrpcAsync("x-standin-status: 5")).Headers["grpc-status"].ShouldBe("5");

        (await Friend.SendBytesAsync(LocalBytes, "hello")).ShouldBe("hello");
    }

    [Fact]
    public async Task Messages_of_a_WebSocket_come_back() => (await Friend.SayAsync($"ws://{Web}/socket", "hello")).ShouldBe("hello");

    [Fact]
    public async Task Answer_to_a_request_of_5_MB_arrives()
    {
        using var content = new ByteArrayContent(new byte[5_000_000]);
        (await Friend.SendAsync(HttpMethod.Post, Url, [], content)).Status.ShouldBe(200);
    }

    [Fact]
    public async Task Events_of_a_server_arrive_whole()
    {
        var reply = await Friend.GetAsync($"{Url}stream?tokens=20&every=5");

        reply.Headers["content-type"].ShouldBe("text/event-stream");
        reply.Body.Split("\n\n", StringSplitOptions.RemoveEmptyEntries).Length.ShouldBe(20);
    }

    [Fact]
    public async Task A_queue_holds_calls_of_HTTP_2_one_by_one()
    {
        await ApplyAsync("RateLimit", "selector: {matchLabels: {app: web}}\nqueue: {running: 1, waiting: 3}");
        var server = Outside(Mesh.Running.FindPod("web"), GrpcPort);

        var replies = await Task.WhenAll(Enumerable.Range(0, 12).Select(_ => server.CallGrpcAsync("x-standin-delay: 300ms")));

        // Each thread of a proxy lets one run and three wait; in Envoy the one whose connection is being made is one of these.
        replies.Count(reply => reply.Headers["grpc-status"] == "0").ShouldBeInRange(3, 8);
        replies.Count(reply => reply.Headers["grpc-status"] == "14").ShouldBeGreaterThanOrEqualTo(4);
    }

    private Task<IReadOnlyList<CallResult>> CallGrpcAsync(int number, params (string, string)[] headers) =>
        Mesh.Running.CallAsync("friend", "grpc://web:9000", number, "POST", headers);
}

[Collection<OnBuiltIn>]
public sealed class BuiltInProtocolScenarios(BuiltInMesh mesh) : ProtocolScenarios(mesh);

[Collection<OnEnvoy>]
public sealed class EnvoyProtocolScenarios(EnvoyMesh mesh) : ProtocolScenarios(mesh);
