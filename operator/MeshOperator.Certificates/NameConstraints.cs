using System.Formats.Asn1;
using System.Net;
using System.Security.Cryptography.X509Certificates;

namespace MeshOperator.Certificates;

/// <summary>The names that an authority may sign, from the extension of RFC 5280, 4.2.1.10. Only names of the kinds that the mesh uses are
/// read: URIs, DNS names and addresses. A kind of which nothing is said is free.</summary>
internal sealed class NameConstraints
{
    private const string Oid = "2.5.29.30";
    private static readonly Asn1Tag Dns = new(TagClass.ContextSpecific, 2);
    private static readonly Asn1Tag Uri = new(TagClass.ContextSpecific, 6);
    private static readonly Asn1Tag Address = new(TagClass.ContextSpecific, 7);
    private readonly List<(Asn1Tag Kind, byte[] Base)> _permitted = [];
    private readonly List<(Asn1Tag Kind, byte[] Base)> _excluded = [];

    private NameConstraints(string authority) => Authority = authority;

    /// <summary>Whose constraints they are.</summary>
    public string Authority { get; }

    /// <summary>Reads those of a certificate; null when it has none.</summary>
    /// <exception cref="CertificateAuthorityException">They cannot be read.</exception>
    public static NameConstraints? FromCertificate(X509Certificate2 certificate)
    {
        if (certificate.Extensions.FirstOrDefault(e => e.Oid?.Value == Oid) is not { } extension)
            return null;
        var constraints = new NameConstraints(certificate.Subject);
        try
        {
            var sequence = new AsnReader(extension.RawData, AsnEncodingRules.DER).ReadSequence();
            if (sequence.HasData && sequence.PeekTag().TagValue == 0)
                Read(sequence.ReadSequence(sequence.PeekTag()), constraints._permitted);
            if (sequence.HasData)
                Read(sequence.ReadSequence(sequence.PeekTag()), constraints._excluded);
            return constraints;
        }
        catch (AsnContentException e)
        {
            throw new CertificateAuthorityException($"the name constraints of '{certificate.Subject}' cannot be read: {e.Message}", e);
        }
    }

    /// <summary>Whether URIs of a host may be signed: the host itself, or any below a constraint that begins with a dot.</summary>
    public bool PermitUri(string host) => Permit(Uri, name => name.StartsWith('.') ? EndsWith(host, name) : Same(host, name));

    /// <summary>Whether a DNS name may be signed: that of a constraint and all below it.</summary>
    public bool PermitDns(string dnsName) =>
        Permit(Dns, name => name.Length == 0 || Same(dnsName, name) || EndsWith(dnsName, name.StartsWith('.') ? name : "." + name));

    /// <summary>Whether an address may be signed.</summary>
    public bool PermitAddress(IPAddress address) => Permit(Address, (byte[] network) => Contains(network, address.GetAddressBytes()));

    private static void Read(AsnReader subtrees, List<(Asn1Tag Kind, byte[] Base)> into)
    {
        while (subtrees.HasData)
        {
            var subtree = subtrees.ReadSequence();
            var kind = subtree.PeekTag();
            if (kind.HasSameClassAndValue(Address))
                into.Add((kind, subtree.ReadOctetString(kind)));
            else if (kind.HasSameClassAndValue(Dns) || kind.HasSameClassAndValue(Uri))
                into.Add((kind, System.Text.Encoding.ASCII.GetBytes(subtree.ReadCharacterString(UniversalTagNumber.IA5String, kind))));
        }
    }

    private bool Permit(Asn1Tag kind, Func<string, bool> matches) =>
        Permit(kind, (byte[] name) => matches(System.Text.Encoding.ASCII.GetString(name)));

    private bool Permit(Asn1Tag kind, Func<byte[], bool> matches)
    {
        var permitted = _permitted.Where(p => p.Kind.HasSameClassAndValue(kind)).ToList();
        return (permitted.Count == 0 || permitted.Exists(p => matches(p.Base)))
            && !_excluded.Exists(e => e.Kind.HasSameClassAndValue(kind) && matches(e.Base));
    }

    private static bool Same(string a, string b) => a.Equals(b, StringComparison.OrdinalIgnoreCase);

    private static bool EndsWith(string name, string end) => name.EndsWith(end, StringComparison.OrdinalIgnoreCase);

    /// <summary>A network is an address and a mask of the same length.</summary>
    private static bool Contains(byte[] network, byte[] address)
    {
        if (network.Length != address.Length * 2)
            return false;
        for (var i = 0; i < address.Length; i++)
        {
            if ((address[i] & network[address.Length + i]) != network[i])
                return false;
        }

        return true;
    }
}
