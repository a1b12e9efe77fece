using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using MeshOperator.Api;
using MeshOperator.Authority;
using MeshOperator.Certificates;
using MeshOperator.Settings;

namespace MeshOperator.Shifts.Asking;

/// <summary>The identity with which the operator asks servers of the mesh, so that their access rules can name it. It answers to nobody,
/// and is no identity of a pod.</summary>
internal sealed class AskIdentity(IdentityIssuer issuer, MeshAuthority authority, OperatorOptions options)
{
    /// <summary>What stands for a proxy's name at the issuer.</summary>
    private const string Bearer = "shift-checks";

    private readonly Lock _gate = new();
    private (IssuedLeaf Leaf, SslStreamCertificateContext Context)? _current;

    /// <summary>Speaks mutual TLS as a proxy does.</summary>
    /// <param name="stream">The connection.</param>
    /// <param name="host">The name of the server.</param>
    /// <param name="expected">The SPIFFE identity that the server must show.</param>
    /// <param name="cancellation">Ends the handshake.</param>
    /// <exception cref="AuthenticationException">The server is somebody else.</exception>
    /// <exception cref="CertificateAuthorityException">No certificate can be issued now.</exception>
    public async Task<Stream> AuthenticateAsync(Stream stream, string host, string expected, CancellationToken cancellation)
    {
        var tls = new SslStream(stream, leaveInnerStreamOpen: false);
        await tls.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions
            {
                TargetHost = host,
                EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
                ClientCertificateContext = FindCertificate(),
                ApplicationProtocols = [new SslApplicationProtocol(MeshNames.HttpAlpn), new SslApplicationProtocol(MeshNames.Alpn)],
                RemoteCertificateValidationCallback = (_, peer, chain, _) => IsExpected(peer, chain, expected),
            },
            cancellation
        );
        return tls;
    }

    private bool IsExpected(X509Certificate? peer, X509Chain? sent, string expected) =>
        peer is X509Certificate2 leaf
        && PeerChain.FindUris(leaf) is [var identity]
        && identity == expected
        && PeerChain.IsIssuedBelow(leaf, sent, authority.TrustBundle);

    private SslStreamCertificateContext FindCertificate()
    {
        var leaf = issuer.Get(Bearer, options.Identity);
        lock (_gate)
        {
            if (_current is { } current && ReferenceEquals(current.Leaf, leaf))
                return current.Context;
            using var pem = X509Certificate2.CreateFromPem(leaf.Certificate.CertificateChain, leaf.Certificate.PrivateKey);
            var chain = PemBundle.Read(leaf.Certificate.CertificateChain);
            chain.RemoveAt(0);
            var certificate = X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null);
            var context = SslStreamCertificateContext.Create(certificate, chain, offline: true);
            _current = (leaf, context);
            return context;
        }
    }
}
