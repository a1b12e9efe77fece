using Envoy.Extensions.TransportSockets.Tls.V3;
using Google.Protobuf;
using Grpc.Core;
using MeshOperator.IntegrationTests.Support;
using MeshOperator.Testing;
using MeshOperator.Xds.Resources;
using Shouldly;
using Xunit;

namespace MeshOperator.IntegrationTests.Attacks;

/// <summary>A proxy that was let in and then sends what it should not. It harms nobody else.</summary>
public sealed class RequestAttackTests(TestCluster cluster)
{
    [Theory]
    [InlineData("5 MB", StatusCode.ResourceExhausted, "bad_request")]
    [InlineData("no protobuf", StatusCode.InvalidArgument, "bad_request")]
    [InlineData("cut off", StatusCode.InvalidArgument, "bad_request")]
    [InlineData("no node", StatusCode.InvalidArgument, "bad_request")]
    [InlineData("a node id of 100 KB", StatusCode.InvalidArgument, "bad_request")]
    [InlineData("100,000 names", StatusCode.ResourceExhausted, "too_much")]
    public async Task A_request_beyond_bounds_ends_its_stream_and_no_other(string what, StatusCode status, string reason)
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await TestNamespace.CreateAsync(cluster, injected: true);
        await ns.ServiceAsync("web", pods: 2);
        await using var neighbour = ProxyTokens.Connect(mesh, $"web-1.{ns.Name}", await ProxyTokens.IssueAsync(cluster, ns, "web-1"));
        await neighbour.FetchAsync(ResourceType.Secret, "identity");
        using var channel = ProxyTokens.Channel(mesh);
        using var stream = new RawStream(channel, await ProxyTokens.IssueAsync(cluster, ns, "web-0"));
        var good = RawStream.Request($"web-0.{ns.Name}", ResourceType.Secret, "identity");

        var end = await stream.EndAsync(
            what switch
            {
                "5 MB" => new byte[5_000_000],
                "no protobuf" => [0xff, 0xff, 0xff, 0xff],
                "cut off" => good[..^3],
                "no node" => new Envoy.Service.Discovery.V3.DeltaDiscoveryRequest { TypeUrl = ResourceType.Secret.Url() }.ToByteArray(),
                "a node id of 100 KB" => RawStream.Request(new string('a', 100_000), ResourceType.Secret, "identity"),
                _ => RawStream.Request($"web-0.{ns.Name}", ResourceType.Route, Enumerable.Range(0, 100_000).Select(i => $"route-{i}")),
            }
        );

        end.StatusCode.ShouldBe(status, end.Detail);
        (await MetricsPage.RefusedAsync(mesh)).ShouldBe(new Dictionary<string, int> { [reason] = 1 });
        (await neighbour.FetchAsync(ResourceType.Secret, "trust-bundle")).Resources.ShouldHaveSingleItem();
    }

    [Fact]
    public async Task A_type_that_nobody_knows_is_ignored()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await TestNamespace.CreateAsync(cluster, injected: true);
        await ns.ServiceAsync("web");
        using var channel = ProxyTokens.Channel(mesh);
        using var stream = new RawStream(channel, await ProxyTokens.IssueAsync(cluster, ns, "web-0"));
        await stream.SendAsync(
            new Envoy.Service.Discovery.V3.DeltaDiscoveryRequest
            {
                Node = new Envoy.Config.Core.V3.Node { Id = $"web-0.{ns.Name}" },
                TypeUrl = "type.googleapis.com/k8s.io.api.core.v1.Secret",
                ResourceNamesSubscribe = { "mesh-ca" },
            }.ToByteArray()
        );
        await stream.SendAsync(RawStream.Request($"web-0.{ns.Name}", ResourceType.Secret, "trust-bundle"));
        (await stream.NextAsync()).Resources.ShouldHaveSingleItem().Name.ShouldBe("trust-bundle");
    }

    [Fact]
    public async Task Whatever_names_of_secrets_a_proxy_asks_for_it_gets_no_other_identity()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await TestNamespace.CreateAsync(cluster, injected: true);
        await ns.ServiceAsync("web", pods: 2);
        await using var other = ProxyTokens.Connect(mesh, $"web-1.{ns.Name}", await ProxyTokens.IssueAsync(cluster, ns, "web-1"));
        var key = FindKey(await other.FetchAsync(ResourceType.Secret, "identity"));
        await using var proxy = ProxyTokens.Connect(mesh, $"web-0.{ns.Name}", await ProxyTokens.IssueAsync(cluster, ns, "web-0"));
        string[] names =
        [
            "identity",
            $"web-1.{ns.Name}",
            $"identity/web-1.{ns.Name}",
            "mesh-ca",
            "../identity",
            $"spiffe://cluster.local/ns/{ns.Name}/sa/default",
            "*",
        ];
        var answer = await proxy.FetchAsync(ResourceType.Secret, names);
        answer.Resources.Select(r => r.Name).Except(["identity", "trust-bundle", "inbound/passthrough/callers"]).ShouldBeEmpty();
        FindKey(answer).ShouldNotBe(key);
    }

    private static string FindKey(Envoy.Service.Discovery.V3.DeltaDiscoveryResponse response) =>
        Secret
            .Parser.ParseFrom(response.Resources.Single(r => r.Name == "identity").Resource_.Value)
            .TlsCertificate.PrivateKey.InlineBytes.ToStringUtf8();
}
