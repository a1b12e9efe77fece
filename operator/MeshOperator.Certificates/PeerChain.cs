using System.Formats.Asn1;
using System.Security.Cryptography.X509Certificates;

namespace MeshOperator.Certificates;

/// <summary>Checks the certificate that the other side of a connection shows.</summary>
public static class PeerChain
{
    private static readonly Asn1Tag UriName = new(TagClass.ContextSpecific, 6);

    /// <summary>Whether a certificate was issued below one of the roots and is valid now.</summary>
    /// <param name="leaf">The certificate.</param>
    /// <param name="sent">What came with it.</param>
    /// <param name="roots">The roots, PEM.</param>
    public static bool IsIssuedBelow(X509Certificate2 leaf, X509Chain? sent, string roots)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(PemBundle.Read(roots));
        foreach (var element in sent?.ChainElements ?? Enumerable.Empty<X509ChainElement>())
            chain.ChainPolicy.ExtraStore.Add(element.Certificate);
        foreach (var extra in sent?.ChainPolicy.ExtraStore ?? [])
            chain.ChainPolicy.ExtraStore.Add(extra);
        return chain.Build(leaf);
    }

    /// <summary>The URIs among a certificate's alternative names: of a workload its one SPIFFE identity.</summary>
    public static IReadOnlyList<string> FindUris(X509Certificate2 leaf)
    {
        ArgumentNullException.ThrowIfNull(leaf);
        var uris = new List<string>();
        foreach (var extension in leaf.Extensions.OfType<X509SubjectAlternativeNameExtension>())
        {
            var names = new AsnReader(extension.RawData, AsnEncodingRules.DER).ReadSequence();
            while (names.HasData)
            {
                if (names.PeekTag().HasSameClassAndValue(UriName))
                    uris.Add(names.ReadCharacterString(UniversalTagNumber.IA5String, UriName));
                else
                    names.ReadEncodedValue();
            }
        }

        return uris;
    }
}
