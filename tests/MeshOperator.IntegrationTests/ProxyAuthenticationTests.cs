using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Grpc.Core;
using Grpc.Net.Client;
using k8s;
using k8s.Models;
using MeshOperator.Hosting;
using MeshOperator.IntegrationTests.Support;
using MeshOperator.Testing;
using MeshOperator.Xds.Resources;
using Shouldly;
using Xunit;

namespace MeshOperator.IntegrationTests;

public sealed class ProxyAuthenticationTests(TestCluster cluster)
{
    [Fact]
    public async Task A_proxy_with_its_pods_token_gets_its_own_identity_and_no_other()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await TestNamespace.CreateAsync(cluster, injected: true);
        await ns.ServiceAsync("web");
        await using var proxy = Connect(mesh, $"web-0.{ns.Name}", await TokenAsync(ns, "web-0"));

        var secret = await proxy.FetchAsync(ResourceType.Secret, "identity", $"spiffe://cluster.local/ns/{ns.Name}/sa/other");
        var identity = Envoy.Extensions.TransportSockets.Tls.V3.Secret.Parser.ParseFrom(secret.Resources.ShouldHaveSingleItem().Resource_.Value);
        using var certificate = X509Certificate2.CreateFromPem(identity.TlsCertificate.CertificateChain.InlineBytes.ToStringUtf8());
        System.Text.Encoding.ASCII.GetString(certificate.Extensions.First(e => e.Oid!.Value == "2.5.29.17").RawData)
            .ShouldContain($"spiffe://cluster.local/ns/{ns.Name}/sa/default");
    }

    [Fact]
    public async Task Another_pods_token_is_refused()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await TestNamespace.CreateAsync(cluster, injected: true);
        await ns.ServiceAsync("web", pods: 2);
        await using var proxy = Connect(mesh, $"web-1.{ns.Name}", await TokenAsync(ns, "web-0"));
        await proxy.SubscribeAsync(ResourceType.Secret, "identity");
        (await proxy.EndAsync()).StatusCode.ShouldBe(StatusCode.PermissionDenied);
    }

    [Theory]
    [InlineData("none")]
    [InlineData("not a token")]
    [InlineData("another audience")]
    [InlineData("not bound to a pod")]
    public async Task A_token_that_is_not_a_pods_token_for_the_mesh_is_refused(string what)
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await TestNamespace.CreateAsync(cluster, injected: true);
        await ns.ServiceAsync("web");
        var token = what switch
        {
            "none" => null,
            "not a token" => "e30.e30.e30",
            "another audience" => await TokenAsync(ns, "web-0", audience: "example.com"),
            _ => await TokenAsync(ns, pod: null),
        };
        await using var proxy = Connect(mesh, $"web-0.{ns.Name}", token);
        await proxy.SubscribeAsync(ResourceType.Secret, "identity");
        (await proxy.EndAsync()).StatusCode.ShouldBe(StatusCode.Unauthenticated);
    }

    private static DeltaClient Connect(TestOperator mesh, string nodeId, string? token)
    {
        var roots = new X509Certificate2Collection();
        roots.ImportFromPem(mesh.Host.TrustBundle);
        var handler = new SocketsHttpHandler
        {
            SslOptions = new SslClientAuthenticationOptions
            {
                CertificateChainPolicy = new X509ChainPolicy { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck },
            },
        };
        handler.SslOptions.CertificateChainPolicy.CustomTrustStore.AddRange(roots);
        return new DeltaClient(GrpcChannel.ForAddress($"https://localhost:{mesh.Host.Ports[ListenerKind.TlsXds].Port}", new GrpcChannelOptions { HttpHandler = handler }), nodeId, token);
    }

    private async Task<string> TokenAsync(TestNamespace ns, string? pod, string audience = "meshoperator.io")
    {
        var uid = pod is null ? null : (await cluster.Client.CoreV1.ReadNamespacedPodAsync(pod, ns.Name)).Metadata.Uid;
        var answer = await cluster.Client.CoreV1.CreateNamespacedServiceAccountTokenAsync(
            new Authenticationv1TokenRequest
            {
                Spec = new V1TokenRequestSpec
                {
                    Audiences = [audience],
                    BoundObjectRef = pod is null ? null : new V1BoundObjectReference { ApiVersion = "v1", Kind = "Pod", Name = pod, Uid = uid },
                },
            },
            "default",
            ns.Name);
        return answer.Status.Token;
    }
}
