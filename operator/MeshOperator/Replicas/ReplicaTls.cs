using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using MeshOperator.Certificates;

namespace MeshOperator.Replicas;

/// <summary>Mutual TLS between replicas: each shows the operator's own certificate, and takes nobody who has no such one of the mesh's
/// authority. Certificates of workloads have no host names, and so are none.</summary>
/// <param name="certificate">The operator's certificate now.</param>
/// <param name="roots">The roots of the mesh now, PEM.</param>
/// <param name="name">The host name that the operator's certificates have.</param>
internal sealed class ReplicaTls(Func<SslStreamCertificateContext> certificate, Func<string> roots, string name)
{
    private const SslProtocols Protocols = SslProtocols.Tls12 | SslProtocols.Tls13;

    /// <summary>For the side that answers.</summary>
    public SslServerAuthenticationOptions Server() =>
        new()
        {
            EnabledSslProtocols = Protocols,
            ServerCertificateContext = certificate(),
            ClientCertificateRequired = true,
            RemoteCertificateValidationCallback = (_, peer, chain, _) => IsReplica(peer, chain),
        };

    /// <summary>For the side that asks.</summary>
    public SslClientAuthenticationOptions Client() =>
        new()
        {
            EnabledSslProtocols = Protocols,
            TargetHost = name,
            ClientCertificateContext = certificate(),
            RemoteCertificateValidationCallback = (_, peer, chain, _) => IsReplica(peer, chain),
        };

    private bool IsReplica(X509Certificate? peer, X509Chain? sent) =>
        peer is X509Certificate2 leaf
        && leaf.MatchesHostname(name, allowWildcards: false, allowCommonName: false)
        && PeerChain.IsIssuedBelow(leaf, sent, roots());
}
