using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using Envoy.Config.Core.V3;
using Envoy.Extensions.TransportSockets.Tls.V3;
using MeshOperator.Proxy.Matching;
using MeshOperator.Proxy.Resources;
using Protocol = Envoy.Extensions.TransportSockets.Tls.V3.TlsParameters.Types.TlsProtocol;

namespace MeshOperator.Proxy.Tls;

/// <summary>How one end of connections speaks TLS (a transport socket). Certificates are those of the moment of each handshake.</summary>
internal sealed class TlsSettings
{
    private readonly SecretStore _secrets;
    private readonly string _identity;
    private readonly string? _trust;
    private readonly IReadOnlyList<TextMatch> _identities;
    private readonly SslProtocols _protocols;
    private readonly CipherSuitesPolicy? _suites;
    private readonly bool _requiresPeer;

    private TlsSettings(SecretStore secrets, CommonTlsContext context, string sni, bool requiresPeer)
    {
        _secrets = secrets;
        _requiresPeer = requiresPeer;
        Sni = sni;
        _identity = context.TlsCertificateSdsSecretConfigs is [var only, ..] ? only.Name : "";
        var combined = context.CombinedValidationContext;
        _trust = (combined?.ValidationContextSdsSecretConfig ?? context.ValidationContextSdsSecretConfig)?.Name;
        _identities = combined?.DefaultValidationContext is { } conditions ? PeerTrust.Read(conditions).Identities : [];
        Protocols = [.. context.AlpnProtocols.Select(name => new SslApplicationProtocol(name))];
        _protocols = Versions(context.TlsParams);
        _suites = CipherSuites.Policy([.. context.TlsParams?.CipherSuites ?? []]);
    }

    /// <summary>The ALPN protocols that a client offers.</summary>
    public List<SslApplicationProtocol> Protocols { get; }

    /// <summary>The name that a client asks for.</summary>
    private string Sni { get; }

    /// <summary>Makes what a transport socket says; null for plaintext.</summary>
    /// <exception cref="ArgumentException">Something in it cannot be had here.</exception>
    public static TlsSettings? Create(TransportSocket? socket, SecretStore secrets) =>
        socket?.TypedConfig is null
            ? null
            : ResourceReader.Unpack(socket.TypedConfig) switch
            {
                UpstreamTlsContext context => new TlsSettings(secrets, context.CommonTlsContext, context.Sni, true),
                DownstreamTlsContext context => new TlsSettings(
                    secrets,
                    context.CommonTlsContext,
                    "",
                    context.RequireClientCertificate ?? false
                ),
                _ => null,
            };

    /// <summary>The own identity at this moment.</summary>
    public Identity? Self => _secrets.FindIdentity(_identity);

    /// <summary>What the client's end of a connection is opened with.</summary>
    /// <param name="protocols">The ALPN protocols; null for those of the settings.</param>
    public SslClientAuthenticationOptions Client(List<SslApplicationProtocol>? protocols) =>
        new()
        {
            TargetHost = Sni,
            ClientCertificateContext = Self?.Context ?? throw new AuthenticationException($"the secret {_identity} has not arrived"),
            ApplicationProtocols = (protocols ?? Protocols) is { Count: > 0 } offered ? offered : null,
            EnabledSslProtocols = _protocols,
            CipherSuitesPolicy = _suites,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
            RemoteCertificateValidationCallback = IsTrusted,
        };

    /// <summary>What the server's end of a connection is opened with. It selects no ALPN protocol.</summary>
    public SslServerAuthenticationOptions Server() =>
        new()
        {
            ServerCertificateContext = Self?.Context ?? throw new AuthenticationException($"the secret {_identity} has not arrived"),
            ClientCertificateRequired = _requiresPeer,
            EnabledSslProtocols = _protocols,
            CipherSuitesPolicy = _suites,
            CertificateRevocationCheckMode = X509RevocationMode.NoCheck,
            RemoteCertificateValidationCallback = IsTrusted,
        };

    private bool IsTrusted(object sender, X509Certificate? peer, X509Chain? sent, SslPolicyErrors errors) =>
        peer is X509Certificate2 certificate
            ? _trust is not null && _secrets.FindTrust(_trust) is { } trust && trust.Verifies(certificate, sent, _identities)
            : !_requiresPeer;

    private static SslProtocols Versions(TlsParameters? parameters)
    {
        if (parameters?.TlsMinimumProtocolVersion == Protocol.Tlsv13)
            return SslProtocols.Tls13;
        return parameters?.TlsMaximumProtocolVersion == Protocol.Tlsv12 ? SslProtocols.Tls12 : SslProtocols.Tls12 | SslProtocols.Tls13;
    }
}
