using System.Net;
using MeshOperator.Mesh.Model;
using MeshOperator.Proxy.Tests.Support;
using MeshOperator.Testing;
using Microsoft.AspNetCore.Http;
using Shouldly;
using Xunit;

namespace MeshOperator.Proxy.Tests;

public sealed class MutualTlsTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Proxies_speak_mutual_TLS_and_the_server_gets_the_callers_identity()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        var (application, _, address) = await mesh.AddMeshedAsync("model");
        application.Handler = context => context.Response.WriteAsync(context.Request.Headers["x-forwarded-client-cert"].ToString());
        var client = await mesh.AddClientAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "http://model/");
        request.Headers.Add("x-forwarded-client-cert", "URI=spiffe://cluster.local/ns/shop/sa/somebody");
        var response = await client.SendAsync(request, Cancellation);
        var certificate = await response.Content.ReadAsStringAsync(Cancellation);
        certificate.ShouldStartWith($"By={ProxyMesh.Identity("model")};Hash=");
        certificate.ShouldEndWith($";URI={ProxyMesh.Identity("client")}");

        // Nobody may come without an identity.
        using var direct = new HttpClient();
        await Should.ThrowAsync<HttpRequestException>(() => direct.GetStringAsync(new Uri($"http://{address}:8080/"), Cancellation));
    }

    [Fact]
    public async Task A_permissive_port_takes_plaintext_and_removes_identities_that_its_client_invents()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        var (application, _, address) = await mesh.AddMeshedAsync("model", mode: MtlsMode.Permissive);
        application.Handler = context => context.Response.WriteAsync($"[{context.Request.Headers["x-forwarded-client-cert"]}]");
        using var direct = new HttpClient();
        direct.DefaultRequestHeaders.Add("x-forwarded-client-cert", "URI=spiffe://cluster.local/ns/shop/sa/somebody");
        (await direct.GetStringAsync(new Uri($"http://{address}:8080/"), Cancellation)).ShouldBe("[]");
        var client = await mesh.AddClientAsync();
        (await client.GetStringAsync("http://model/", Cancellation)).ShouldContain("URI=spiffe://cluster.local/ns/shop/sa/client");
    }

    [Fact]
    public async Task A_server_with_another_identity_is_not_talked_to()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        var (application, _, address) = await mesh.AddMeshedAsync("model");
        mesh.AddService("other", PortProtocol.Http, [new MeshEndpoint(address, 8080, ProxyMesh.Identity("other"), null)]);
        var client = await mesh.AddClientAsync();
        var response = await client.GetAsync("http://other/", Cancellation);
        response.StatusCode.ShouldBe(HttpStatusCode.ServiceUnavailable);
        application.Requests.ShouldBe(0);
    }

    [Fact]
    public async Task Certificates_and_roots_change_without_a_failed_request()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        var (application, _, _) = await mesh.AddMeshedAsync("model");
        application.Handler = context => context.Response.WriteAsync(context.Request.Headers["x-forwarded-client-cert"].ToString());
        var client = await mesh.AddClientAsync();
        var before = await client.GetStringAsync("http://model/", Cancellation);
        using var enough = new CancellationTokenSource();
        var load = Task.Run(
            async () =>
            {
                while (!enough.IsCancellationRequested)
                    await client.GetStringAsync("http://model/", Cancellation);
            },
            Cancellation
        );
        mesh.Certificates.Renew("client.shop");
        mesh.Certificates.Renew("model.shop");
        mesh.Certificates.ReplaceRoot();

        // Connections are kept, so only one that is made after the new certificate has come shows it.
        var timeout = TimeSpan.FromSeconds(4);
        await Eventually.Succeeds(async () =>
        {
            timeout += TimeSpan.FromMilliseconds(1);
            mesh.Change("model", port => port with { Connection = port.Connection with { ConnectTimeout = timeout } });
            (await client.GetStringAsync("http://model/", Cancellation)).ShouldNotBe(before);
        });
        await enough.CancelAsync();
        await load;
    }

    [Fact]
    public async Task Access_rules_hold_for_callers_methods_and_paths()
    {
        await using var mesh = await ProxyMesh.StartAsync();
        var (application, _, _) = await mesh.AddMeshedAsync("model");
        var client = await mesh.AddClientAsync("client");
        var stranger = await mesh.AddClientAsync("stranger");
        var rule = new AccessRule
        {
            Callers =
            [
                [new StringMatch(StringMatchKind.Exact, ProxyMesh.Identity("client"))],
            ],
            Methods = ["GET"],
            Paths = [new StringMatch(StringMatchKind.Prefix, "/v1/")],
        };
        mesh.ChangeInbound("model", port => port with { Access = new AccessPolicy(true, [rule], [], false) });
        await Eventually.Succeeds(async () =>
            (await stranger.GetAsync("http://model/v1/x", Cancellation)).StatusCode.ShouldBe(HttpStatusCode.Forbidden)
        );
        (await client.GetStringAsync("http://model/v1/x", Cancellation)).ShouldBe("model");
        (await client.GetAsync("http://model/v2/x", Cancellation)).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        (await client.GetAsync("http://model/v1/%2e%2e/x", Cancellation)).StatusCode.ShouldBe(HttpStatusCode.Forbidden);
        var denied = await client.PostAsync("http://model/v1/x", null, Cancellation);
        (await denied.Content.ReadAsStringAsync(Cancellation)).ShouldBe("RBAC: access denied");

        // What is only counted lets all pass.
        var requests = application.Requests;
        mesh.ChangeInbound("model", port => port with { Access = new AccessPolicy(true, [rule], [], true) });
        await Eventually.Succeeds(async () =>
            (await stranger.GetAsync("http://model/v1/x", Cancellation)).StatusCode.ShouldBe(HttpStatusCode.OK)
        );
        application.Requests.ShouldBe(requests + 1);
        using var admin = new HttpClient();
        (await admin.GetStringAsync(new Uri($"http://{mesh.FindAddress("model")}:15000/stats/prometheus"), Cancellation)).ShouldContain(
            "envoy_http_rbac_audit_allow_shadow_denied"
        );
    }
}
