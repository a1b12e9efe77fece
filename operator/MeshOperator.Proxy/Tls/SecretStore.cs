using System.Collections.Concurrent;
using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Envoy.Config.Core.V3;
using Envoy.Extensions.TransportSockets.Tls.V3;
using MeshOperator.Proxy.Matching;

namespace MeshOperator.Proxy.Tls;

/// <summary>A certificate with its key, for both ends of connections.</summary>
/// <param name="Context">What streams show.</param>
/// <param name="Uri">The identity in it.</param>
internal sealed record Identity(SslStreamCertificateContext Context, string? Uri)
{
    /// <summary>Reads a certificate and its key.</summary>
    /// <exception cref="ArgumentException">They are none.</exception>
    public static Identity Read(TlsCertificate certificate)
    {
        try
        {
            var chain = new X509Certificate2Collection();
            chain.ImportFromPem(PeerTrust.Text(certificate.CertificateChain));
            var leaf = X509Certificate2.CreateFromPem(PeerTrust.Text(certificate.CertificateChain), PeerTrust.Text(certificate.PrivateKey));
            return new Identity(SslStreamCertificateContext.Create(leaf, chain, offline: true), PeerTrust.ReadUri(leaf));
        }
        catch (CryptographicException exception)
        {
            throw new ArgumentException($"tls_certificate: {exception.Message}", exception);
        }
    }

    /// <summary>Shows nothing of the key.</summary>
    public override string ToString() => nameof(Identity);
}

/// <summary>Whom a proxy trusts: roots, and conditions on the identity.</summary>
/// <param name="Roots">The trusted roots.</param>
/// <param name="Identities">Conditions of which one must hold; empty for none.</param>
internal sealed record PeerTrust(X509Certificate2Collection Roots, IReadOnlyList<TextMatch> Identities)
{
    private const string SubjectAlternativeNames = "2.5.29.17";

    /// <summary>Reads a validation context.</summary>
    /// <exception cref="ArgumentException">Its roots are none.</exception>
    public static PeerTrust Read(CertificateValidationContext context)
    {
        var roots = new X509Certificate2Collection();
        if (context.TrustedCa is { } bundle)
        {
            try
            {
                roots.ImportFromPem(Text(bundle));
            }
            catch (CryptographicException exception)
            {
                throw new ArgumentException($"validation_context.trusted_ca: {exception.Message}", exception);
            }
        }

        return new PeerTrust(roots, [.. context.MatchTypedSubjectAltNames.Select(name => TextMatch.Create(name.Matcher))]);
    }

    /// <summary>Whether a certificate is signed by a trusted root and has one of the identities.</summary>
    /// <param name="certificate">The peer's certificate.</param>
    /// <param name="sent">What it sent with it.</param>
    /// <param name="identities">More conditions, of which one must hold; empty for none.</param>
    public bool Verifies(X509Certificate2 certificate, X509Chain? sent, IReadOnlyList<TextMatch> identities)
    {
        using var verifier = new X509Chain();
        verifier.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        verifier.ChainPolicy.CustomTrustStore.AddRange(Roots);
        if (sent is not null)
            verifier.ChainPolicy.ExtraStore.AddRange(sent.ChainPolicy.ExtraStore);
        verifier.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        return verifier.Build(certificate) && ReadUri(certificate) is var uri && IsAmong(uri, Identities) && IsAmong(uri, identities);
    }

    /// <summary>The URI among a certificate's subject alternative names, or null.</summary>
    public static string? ReadUri(X509Certificate2 certificate)
    {
        const int UriTag = 6;
        if (certificate.Extensions[SubjectAlternativeNames] is not { } extension)
            return null;
        var reader = new System.Formats.Asn1.AsnReader(extension.RawData, System.Formats.Asn1.AsnEncodingRules.DER).ReadSequence();
        while (reader.HasData)
        {
            var tag = reader.PeekTag();
            if (tag.TagClass is System.Formats.Asn1.TagClass.ContextSpecific && tag.TagValue == UriTag)
                return reader.ReadCharacterString(System.Formats.Asn1.UniversalTagNumber.IA5String, tag);
            reader.ReadEncodedValue();
        }

        return null;
    }

    /// <summary>The text of a data source.</summary>
    public static string Text(DataSource source) =>
        source.SpecifierCase is DataSource.SpecifierOneofCase.InlineBytes ? source.InlineBytes.ToStringUtf8() : source.InlineString;

    private static bool IsAmong(string? uri, IReadOnlyList<TextMatch> identities) =>
        identities.Count == 0 || (uri is not null && identities.Any(identity => identity.IsMatch(uri)));
}

/// <summary>The secrets that the operator has sent. What uses one asks for it at each handshake.</summary>
internal sealed class SecretStore
{
    private readonly ConcurrentDictionary<string, Identity> _identities = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, PeerTrust> _trusts = new(StringComparer.Ordinal);

    /// <summary>Takes a secret.</summary>
    /// <exception cref="ArgumentException">Its content is no certificate.</exception>
    public void Set(Secret secret)
    {
        if (secret.TypeCase is Secret.TypeOneofCase.TlsCertificate)
            _identities[secret.Name] = Identity.Read(secret.TlsCertificate);
        else
            _trusts[secret.Name] = PeerTrust.Read(secret.ValidationContext ?? new CertificateValidationContext());
    }

    /// <summary>A certificate with its key, or null.</summary>
    public Identity? FindIdentity(string name) => _identities.GetValueOrDefault(name);

    /// <summary>Whom to trust, or null.</summary>
    public PeerTrust? FindTrust(string name) => _trusts.GetValueOrDefault(name);
}
