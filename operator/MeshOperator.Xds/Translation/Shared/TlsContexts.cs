using Envoy.Config.Core.V3;
using Envoy.Extensions.TransportSockets.RawBuffer.V3;
using Envoy.Extensions.TransportSockets.Tls.V3;
using Envoy.Type.Matcher.V3;
using MeshOperator.Mesh.Model;

namespace MeshOperator.Xds.Translation.Shared;

/// <summary>The transport sockets of both ends of a connection within the mesh.</summary>
internal static class TlsContexts
{
    public static TransportSocket Plaintext { get; } =
        new() { Name = "envoy.transport_sockets.raw_buffer", TypedConfig = EnvoyMessages.Pack(new RawBuffer()) };

    /// <summary>The client's end: shows its own identity and accepts exactly those of <paramref name="identities"/>.</summary>
    /// <param name="identities">The SPIFFE identities of the servers.</param>
    /// <param name="sni">The name of the service.</param>
    /// <param name="isHttp">Whether HTTP is inside, unless the connection itself says otherwise (the outbound listeners).</param>
    public static TransportSocket Upstream(IEnumerable<string> identities, string sni, bool isHttp)
    {
        var context = Common(identities.Select(identity => new StringMatcher { Exact = identity }));
        if (isHttp)
            context.AlpnProtocols.Add(Names.MeshHttpAlpn);
        context.AlpnProtocols.Add(Names.MeshAlpn);
        return Tls(new UpstreamTlsContext { CommonTlsContext = context, Sni = sni });
    }

    /// <summary>The server's end: asks for a certificate of the trust domain. It selects no ALPN protocol; see
    /// <see cref="Names.MeshAlpn"/>.</summary>
    /// <param name="trustDomain">The SPIFFE trust domain.</param>
    /// <param name="bounds">Of versions and suites.</param>
    public static TransportSocket Downstream(string trustDomain, TlsBounds bounds) =>
        Downstream(Common([new StringMatcher { Prefix = $"spiffe://{trustDomain}/" }]), bounds);

    /// <summary>The server's end where not all of the trust domain may connect: who may is said by a secret, so that it can change without
    /// the listener.</summary>
    /// <param name="callers">The name of the secret, which has the roots and the conditions.</param>
    /// <param name="bounds">Of versions and suites.</param>
    public static TransportSocket CreateDownstream(string callers, TlsBounds bounds)
    {
        var context = Common();
        context.ValidationContextSdsSecretConfig = Secret(callers);
        return Downstream(context, bounds);
    }

    private static TransportSocket Downstream(CommonTlsContext context, TlsBounds bounds)
    {
        if (bounds.RequiresTls13)
            context.TlsParams.TlsMinimumProtocolVersion = TlsParameters.Types.TlsProtocol.Tlsv13;
        context.TlsParams.CipherSuites.AddRange(bounds.CipherSuites);
        return Tls(new DownstreamTlsContext { CommonTlsContext = context, RequireClientCertificate = true });
    }

    private static CommonTlsContext Common(IEnumerable<StringMatcher> identities)
    {
        var context = Common();
        context.CombinedValidationContext = new CommonTlsContext.Types.CombinedCertificateValidationContext
        {
            DefaultValidationContext = Validation(identities),
            ValidationContextSdsSecretConfig = Secret(Names.TrustBundleSecret),
        };
        return context;
    }

    /// <summary>Conditions on the peer's SPIFFE identity, of which one must hold.</summary>
    public static CertificateValidationContext Validation(IEnumerable<StringMatcher> identities)
    {
        var validation = new CertificateValidationContext();
        foreach (var identity in identities)
        {
            validation.MatchTypedSubjectAltNames.Add(
                new SubjectAltNameMatcher { SanType = SubjectAltNameMatcher.Types.SanType.Uri, Matcher = identity }
            );
        }

        return validation;
    }

    private static CommonTlsContext Common() =>
        new()
        {
            TlsParams = new TlsParameters
            {
                TlsMinimumProtocolVersion = TlsParameters.Types.TlsProtocol.Tlsv12,
                TlsMaximumProtocolVersion = TlsParameters.Types.TlsProtocol.Tlsv13,
            },
            TlsCertificateSdsSecretConfigs = { Secret(Names.IdentitySecret) },
        };

    private static SdsSecretConfig Secret(string name) => new() { Name = name, SdsConfig = EnvoyMessages.Ads };

    private static TransportSocket Tls(Google.Protobuf.IMessage context) =>
        new() { Name = "envoy.transport_sockets.tls", TypedConfig = EnvoyMessages.Pack(context) };
}
