using Envoy.Extensions.TransportSockets.Tls.V3;
using MeshOperator.Testing;
using MeshOperator.Xds.Resources;

namespace MeshOperator.IntegrationTests.Support;

/// <summary>What a proxy is given over SDS, PEM.</summary>
internal sealed record ProxySecrets(string Chain, string Key, string Roots)
{
    /// <summary>Connects as a pod's proxy with its token and asks for its secrets.</summary>
    public static async Task<ProxySecrets> FetchAsync(TestCluster cluster, TestOperator mesh, TestNamespace ns, string pod)
    {
        await using var proxy = ProxyTokens.Connect(mesh, $"{pod}.{ns.Name}", await ProxyTokens.IssueAsync(cluster, ns, pod));
        var response = await proxy.FetchAsync(ResourceType.Secret, "identity", "trust-bundle");
        var secrets = response.Resources.ToDictionary(r => r.Name, r => Secret.Parser.ParseFrom(r.Resource_.Value), StringComparer.Ordinal);
        var identity = secrets["identity"].TlsCertificate;
        return new ProxySecrets(
            identity.CertificateChain.InlineBytes.ToStringUtf8(),
            identity.PrivateKey.InlineBytes.ToStringUtf8(),
            secrets["trust-bundle"].ValidationContext.TrustedCa.InlineBytes.ToStringUtf8()
        );
    }

    public TlsPeer Expecting(string identity) => new(Chain, Key, Roots, identity);
}
