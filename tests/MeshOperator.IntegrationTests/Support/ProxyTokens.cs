using System.Buffers.Text;
using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using System.Text.Json.Nodes;
using Grpc.Net.Client;
using k8s;
using k8s.Models;
using MeshOperator.Listeners;
using MeshOperator.Testing;

namespace MeshOperator.IntegrationTests.Support;

/// <summary>Tokens that proxies show, true and forged, and connections to the port where they show them.</summary>
internal static class ProxyTokens
{
    /// <summary>A token of the account <c>default</c> from the API server, bound to a pod if one is named.</summary>
    public static async Task<string> IssueAsync(TestCluster cluster, TestNamespace ns, string? pod, string audience = PodToken.Audience)
    {
        var bound = pod is null ? null : await cluster.Client.CoreV1.ReadNamespacedPodAsync(pod, ns.Name);
        return await PodToken.IssueAsync(cluster.Client, ns.Name, "default", bound, audience);
    }

    /// <summary>The token with another header or other claims, under its old signature.</summary>
    public static string Forge(string token, Action<JsonObject>? header = null, Action<JsonObject>? claims = null)
    {
        var parts = token.Split('.');
        return $"{Change(parts[0], header)}.{Change(parts[1], claims)}.{parts[2]}";
    }

    /// <summary>A connection to the port for proxies.</summary>
    public static GrpcChannel Channel(TestOperator mesh)
    {
        var roots = new X509Certificate2Collection();
        roots.ImportFromPem(mesh.Host.TrustBundle);
        var handler = new SocketsHttpHandler
        {
            SslOptions = new SslClientAuthenticationOptions
            {
                CertificateChainPolicy = new X509ChainPolicy
                {
                    TrustMode = X509ChainTrustMode.CustomRootTrust,
                    RevocationMode = X509RevocationMode.NoCheck,
                },
            },
        };
        handler.SslOptions.CertificateChainPolicy.CustomTrustStore.AddRange(roots);
        return GrpcChannel.ForAddress(
            $"https://localhost:{mesh.Host.Ports[ListenerKind.TlsXds].Port}",
            new GrpcChannelOptions { HttpHandler = handler, MaxSendMessageSize = null }
        );
    }

    /// <summary>A proxy that shows a token.</summary>
    public static DeltaClient Connect(TestOperator mesh, string nodeId, string? token) => new(Channel(mesh), nodeId, token);

    private static string Change(string part, Action<JsonObject>? change)
    {
        if (change is null)
            return part;
        var json = (JsonObject)JsonNode.Parse(Base64Url.DecodeFromChars(part))!;
        change(json);
        return Base64Url.EncodeToString(Encoding.UTF8.GetBytes(json.ToJsonString()));
    }
}
