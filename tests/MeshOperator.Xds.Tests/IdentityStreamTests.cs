using Envoy.Extensions.TransportSockets.Tls.V3;
using MeshOperator.Testing;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Tests.Support;
using Shouldly;

namespace MeshOperator.Xds.Tests;

/// <summary>Certificates over the stream.</summary>
public sealed class IdentityStreamTests
{
    [Fact]
    public async Task A_proxy_gets_its_own_identity_and_no_other()
    {
        await using var server = await XdsTestServer.StartAsync();
        await using var client = new DeltaClient(server.Connect(), ShopMesh.Node);

        var response = await client.FetchAsync(
            ResourceType.Secret,
            "identity",
            "trust-bundle",
            ShopMesh.Identity("api"),
            "api",
            "spiffe://cluster.local/ns/shop/sa/api"
        );

        response.Resources.Select(resource => resource.Name).ShouldBe(["identity", "trust-bundle"], ignoreOrder: true);
        response.RemovedResources.ShouldContain(ShopMesh.Identity("api"));
        var own = await server.Certificates.GetIdentityAsync(ShopMesh.Node, ShopMesh.Identity("web"), CancellationToken.None);
        Identity(response).CertificateChain.InlineBytes.Memory.ToArray().ShouldBe(own.CertificateChain.ToArray());
    }

    [Fact]
    public async Task A_renewed_identity_reaches_its_proxy()
    {
        await using var server = await XdsTestServer.StartAsync();
        await using var client = new DeltaClient(server.Connect(), ShopMesh.Node);
        var before = Identity(await client.FetchAsync(ResourceType.Secret, "identity", "trust-bundle"));

        server.Certificates.Renew(ShopMesh.Node);

        var after = await client.NextAsync();
        after.Resources.ShouldHaveSingleItem().Name.ShouldBe("identity");
        Identity(after).CertificateChain.ShouldNotBe(before.CertificateChain);
    }

    [Fact]
    public async Task Proxies_of_one_account_have_keys_of_their_own_and_renew_apart()
    {
        await using var server = await XdsTestServer.StartAsync();
        await using var client = new DeltaClient(server.Connect(), ShopMesh.Node);
        await using var other = new DeltaClient(server.Connect(), "web-1.shop");
        var mine = Identity(await client.FetchAsync(ResourceType.Secret, "identity"));
        Identity(await other.FetchAsync(ResourceType.Secret, "identity")).PrivateKey.ShouldNotBe(mine.PrivateKey);

        server.Certificates.Renew("web-1.shop");
        Identity(await other.NextAsync()).PrivateKey.ShouldNotBe(mine.PrivateKey);
        await client.SubscribeAsync(ResourceType.Secret, "trust-bundle");
        (await client.NextAsync()).Resources.ShouldHaveSingleItem().Name.ShouldBe("trust-bundle");
    }

    [Fact]
    public async Task Another_trust_bundle_reaches_all_proxies()
    {
        await using var server = await XdsTestServer.StartAsync();
        await using var client = new DeltaClient(server.Connect(), ShopMesh.Node);
        await client.FetchAsync(ResourceType.Secret, "identity", "trust-bundle");
        server.Certificates.ReplaceRoot();
        (await client.NextAsync()).Resources.ShouldHaveSingleItem().Name.ShouldBe("trust-bundle");
    }

    [Fact]
    public async Task An_identity_is_let_go_when_the_stream_ends()
    {
        await using var server = await XdsTestServer.StartAsync();
        await using (var client = new DeltaClient(server.Connect(), ShopMesh.Node))
            await client.FetchAsync(ResourceType.Secret, "identity");
        await Eventually.Succeeds(() => server.Certificates.Released.ShouldBe([ShopMesh.Node]));
    }

    private static TlsCertificate Identity(Envoy.Service.Discovery.V3.DeltaDiscoveryResponse response) =>
        Secret.Parser.ParseFrom(response.Resources.Single(resource => resource.Name == "identity").Resource_.Value).TlsCertificate;
}
