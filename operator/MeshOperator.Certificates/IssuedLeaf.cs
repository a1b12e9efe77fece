namespace MeshOperator.Certificates;

/// <summary>A proxy's certificate as the issuer keeps it.</summary>
public sealed class IssuedLeaf
{
    internal IssuedLeaf(IssuedCertificate certificate, CancellationToken due) => (Certificate, Due) = (certificate, due);

    /// <summary>The certificate and its key.</summary>
    public IssuedCertificate Certificate { get; }

    /// <summary>Cancelled when the issuer no longer knows this certificate: who uses it then asks for another.</summary>
    public CancellationToken Due { get; }
}
