namespace MeshOperator.Api.Authorities;

/// <summary>What a MeshCertificateAuthority means where it leaves something out.</summary>
public static class MeshCertificateAuthorityDefaults
{
    /// <summary>Lifetime of a proxy's certificate.</summary>
    public const string LeafTTL = "24h";

    /// <summary>The fraction of its lifetime after which a proxy's certificate is renewed.</summary>
    public const double RenewAt = 0.5;

    /// <summary>The key type of proxies' certificates.</summary>
    public const string KeyType = "ECDSA_P256";

    /// <summary>How long the old authority stays trusted after the new one has started to sign.</summary>
    public const string Overlap = "0s";

    /// <summary>Whether a root that the operator created is replaced before it expires.</summary>
    public const bool Auto = true;

    private static readonly RotationSettings Rotation = new();

    /// <summary>How one authority replaces another.</summary>
    /// <param name="spec">The spec; null while there is no object.</param>
    public static RotationSettings ResolveRotation(MeshCertificateAuthoritySpec? spec) => spec?.Rotation ?? Rotation;
}
