using k8s.Models;
using MeshOperator.Api.Policies;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Api.Authorities;

/// <summary>MeshCertificateAuthority configures who signs the identities of the mesh, and shows the progress of a rotation.</summary>
[KubernetesEntity(
    Group = MeshNames.Group,
    ApiVersion = MeshNames.Version,
    Kind = "MeshCertificateAuthority",
    PluralName = "meshcertificateauthorities"
)]
[EntityScope(EntityScope.Cluster)]
[KubernetesEntityShortNames("mca")]
[KubernetesEntityCategories("mesh")]
[AdditionalPrinterColumn(".status.phase", "Phase", Order = 1)]
[AdditionalPrinterColumn(
    ".status.proxiesTrusting",
    "Proxies",
    Order = 2,
    Description = "Proxies that have acknowledged the current phase, of all."
)]
[AdditionalPrinterColumn(
    ".status.notAfter",
    "Not After",
    Order = 3,
    Description = "When the root or the intermediate expires, whichever is first."
)]
[AdditionalPrinterColumn(".status.conditions[?(@.type==\"Accepted\")].status", "Accepted", Order = 10)]
[AdditionalPrinterColumn(".status.conditions[?(@.type==\"ExpiringSoon\")].status", "Expiring Soon", Order = 11)]
[AdditionalPrinterColumn(".status.conditions[?(@.type==\"Progressing\")].message", "Progress", Order = 12, Priority = 1)]
[AdditionalPrinterColumn(".metadata.creationTimestamp", "Age", "date", Order = 20)]
public sealed class MeshCertificateAuthority : CustomKubernetesEntity<MeshCertificateAuthoritySpec, MeshCertificateAuthorityStatus>;

/// <summary>Who signs the identities of the mesh, and how long they live. There is one such object. The operator creates it if it does not
/// exist.</summary>
public sealed class MeshCertificateAuthoritySpec
{
    /// <summary>The SPIFFE trust domain. It must be the one that the operator runs with (--trust-domain).</summary>
    [Length(1, 255)]
    [Pattern("^[a-z0-9]([-a-z0-9._]*[a-z0-9])?$")]
    public string? TrustDomain { get; set; }

    /// <summary>Where the authority comes from. If omitted, the operator creates its own root.</summary>
    public CertificateAuthorityProvider? Provider { get; set; }

    /// <summary>Lifetime of a proxy's certificate, from 10m to 168h.</summary>
    [DefaultValue(MeshCertificateAuthorityDefaults.LeafTTL)]
    [Duration]
    public string LeafTTL { get; set; } = MeshCertificateAuthorityDefaults.LeafTTL;

    /// <summary>The fraction of its lifetime after which a proxy's certificate is renewed.</summary>
    [DefaultValue(MeshCertificateAuthorityDefaults.RenewAt)]
    [RangeMinimum(0.2)]
    [RangeMaximum(0.8)]
    public double RenewAt { get; set; } = MeshCertificateAuthorityDefaults.RenewAt;

    /// <summary>The key type of proxies' certificates.</summary>
    [DefaultValue(MeshCertificateAuthorityDefaults.KeyType)]
    [EnumValues("ECDSA_P256", "RSA_2048")]
    public string KeyType { get; set; } = MeshCertificateAuthorityDefaults.KeyType;

    /// <summary>How one authority replaces another.</summary>
    public RotationSettings? Rotation { get; set; }
}

/// <summary>Where the authority comes from. Only one of these can be set.</summary>
[ValidationRule("!(has(self.selfSigned) && has(self.secret))", "selfSigned and secret are both set; set only one of them")]
public sealed class CertificateAuthorityProvider
{
    /// <summary>The operator creates a root and keeps it in the Secret mesh-ca of its namespace.</summary>
    public SelfSignedProvider? SelfSigned { get; set; }

    /// <summary>Your own authority, in the Secret mesh-ca of the operator's namespace: tls.crt, tls.key and ca.crt as cert-manager writes
    /// them. When the Secret changes, the mesh rotates to the new authority.</summary>
    public SecretProvider? Secret { get; set; }
}

/// <summary>The operator creates a root. There are no settings.</summary>
public sealed class SelfSignedProvider;

/// <summary>Your own authority. There are no settings.</summary>
public sealed class SecretProvider;

/// <summary>How one authority replaces another.</summary>
public sealed class RotationSettings
{
    /// <summary>The minimum time for which the old authority stays trusted after the new one has started to sign.</summary>
    [DefaultValue(MeshCertificateAuthorityDefaults.Overlap)]
    [Duration]
    public string Overlap { get; set; } = MeshCertificateAuthorityDefaults.Overlap;

    /// <summary>Whether a root that the operator created is replaced when a fifth of its lifetime is left.</summary>
    [DefaultValue(MeshCertificateAuthorityDefaults.Auto)]
    public bool Auto { get; set; } = MeshCertificateAuthorityDefaults.Auto;
}

/// <summary>The state of the authority, and the progress of a rotation.</summary>
public sealed class MeshCertificateAuthorityStatus
{
    /// <summary>Accepted (the requested authority can be used), Progressing (a rotation is in flight) and ExpiringSoon (a certificate
    /// expires within 30 days).</summary>
    [ListMapKeys("type")]
    [Items(0, 8)]
    public List<PolicyCondition> Conditions { get; set; } = [];

    /// <summary>Stable, DistributingTrust, Signing or Retiring.</summary>
    [EnumValues("Stable", "DistributingTrust", "Signing", "Retiring")]
    public string? Phase { get; set; }

    /// <summary>When the phase began, RFC 3339.</summary>
    public string? PhaseSince { get; set; }

    /// <summary>How many proxies have acknowledged the current phase, of all, for example 412/415.</summary>
    public string? ProxiesTrusting { get; set; }

    /// <summary>What the rotation is waiting for, at most ten entries: proxies as pod.namespace, and replicas of the operator.</summary>
    [Items(0, 10)]
    public List<RotationHolder>? Holding { get; set; }

    /// <summary>When the root or the intermediate expires, whichever is first, RFC 3339.</summary>
    public string? NotAfter { get; set; }

    /// <summary>The certificates that the mesh depends on, and when each expires.</summary>
    [Items(0, 16)]
    public List<CertificateExpiry>? Certificates { get; set; }

    /// <summary>The last rotation that was requested and has begun.</summary>
    [Length(0, 253)]
    public string? LastRotation { get; set; }
}

/// <summary>A proxy or a replica that a rotation is waiting for.</summary>
public sealed class RotationHolder
{
    /// <summary>A proxy as pod.namespace, or a replica of the operator.</summary>
    public string? Name { get; set; }

    /// <summary>What is missing.</summary>
    public string? Reason { get; set; }
}

/// <summary>A certificate and its expiry.</summary>
public sealed class CertificateExpiry
{
    /// <summary>Which certificate: root, intermediate, next-root or webhook.</summary>
    [Required]
    public string Name { get; set; } = string.Empty;

    /// <summary>When it expires, RFC 3339.</summary>
    public string? NotAfter { get; set; }

    /// <summary>SHA-256 of the certificate, in hexadecimal digits.</summary>
    public string? Fingerprint { get; set; }
}
