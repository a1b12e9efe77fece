using k8s.Models;
using MeshOperator.Api.Policies;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Api.Authorities;

/// <summary>MeshCertificateAuthority says who signs the identities of the mesh, and shows how far a rotation is.</summary>
[KubernetesEntity(Group = MeshNames.Group, ApiVersion = MeshNames.Version, Kind = "MeshCertificateAuthority", PluralName = "meshcertificateauthorities")]
[EntityScope(EntityScope.Cluster)]
[KubernetesEntityShortNames("mca")]
[KubernetesEntityCategories("mesh")]
[AdditionalPrinterColumn(".status.phase", "Phase", Order = 1)]
[AdditionalPrinterColumn(".status.proxiesTrusting", "Proxies", Order = 2, Description = "Proxies that have what the phase gives them, of all.")]
[AdditionalPrinterColumn(".status.notAfter", "Not After", Order = 3, Description = "When the first of root and intermediate ends.")]
[AdditionalPrinterColumn(".status.conditions[?(@.type==\"Accepted\")].status", "Accepted", Order = 10)]
[AdditionalPrinterColumn(".status.conditions[?(@.type==\"ExpiringSoon\")].status", "Expiring Soon", Order = 11)]
[AdditionalPrinterColumn(".status.conditions[?(@.type==\"Progressing\")].message", "Progress", Order = 12, Priority = 1)]
[AdditionalPrinterColumn(".metadata.creationTimestamp", "Age", "date", Order = 20)]
public sealed class MeshCertificateAuthority : CustomKubernetesEntity<MeshCertificateAuthoritySpec, MeshCertificateAuthorityStatus>;

/// <summary>Who signs the identities of the mesh, and how long they live. There is one such object, which the operator makes when there is none.</summary>
public sealed class MeshCertificateAuthoritySpec
{
    /// <summary>The SPIFFE trust domain; must be the operator's own (--trust-domain).</summary>
    [Length(1, 255)]
    [Pattern("^[a-z0-9]([-a-z0-9._]*[a-z0-9])?$")]
    public string? TrustDomain { get; set; }

    /// <summary>Where the authority comes from; left out, the operator makes a root of its own.</summary>
    public CertificateAuthorityProvider? Provider { get; set; }

    /// <summary>How long a proxy's certificate lives: from 10m to 168h.</summary>
    [DefaultValue("24h")]
    [Duration]
    public string? LeafTTL { get; set; }

    /// <summary>After which part of its life a proxy's certificate is renewed.</summary>
    [DefaultValue(0.5)]
    [RangeMinimum(0.2)]
    [RangeMaximum(0.8)]
    public double? RenewAt { get; set; }

    /// <summary>The kind of key of proxies' certificates.</summary>
    [DefaultValue("ECDSA_P256")]
    [EnumValues("ECDSA_P256", "RSA_2048")]
    public string? KeyType { get; set; }

    /// <summary>How one authority follows on another.</summary>
    public RotationSettings? Rotation { get; set; }
}

/// <summary>Where the authority comes from: one of these.</summary>
[ValidationRule("!(has(self.selfSigned) && has(self.secret))", "give selfSigned or secret, not both")]
public sealed class CertificateAuthorityProvider
{
    /// <summary>The operator makes a root and keeps it in Secret mesh-ca of its namespace.</summary>
    public SelfSignedProvider? SelfSigned { get; set; }

    /// <summary>The user's own, in Secret mesh-ca of the operator's namespace: tls.crt, tls.key and ca.crt as cert-manager writes them. What is
    /// replaced there is rotated to.</summary>
    public SecretProvider? Secret { get; set; }
}

/// <summary>The operator makes a root. It has no settings.</summary>
public sealed class SelfSignedProvider;

/// <summary>The user's own authority. It has no settings.</summary>
public sealed class SecretProvider;

/// <summary>How one authority follows on another.</summary>
public sealed class RotationSettings
{
    /// <summary>How long the old authority stays trusted at least after the new one has begun to sign.</summary>
    [DefaultValue("0s")]
    [Duration]
    public string? Overlap { get; set; }

    /// <summary>Whether a root that the operator made is replaced when a fifth of its life is left.</summary>
    [DefaultValue(true)]
    public bool? Auto { get; set; }
}

/// <summary>What the authority is, and how far a rotation is.</summary>
public sealed class MeshCertificateAuthorityStatus
{
    /// <summary>Accepted (can what is wished for be used), Progressing (is a rotation under way) and ExpiringSoon (does a certificate end within
    /// 30 days).</summary>
    [ListMapKeys("type")]
    [Items(0, 8)]
    public List<PolicyCondition> Conditions { get; set; } = [];

    /// <summary>Stable, DistributingTrust, Signing or Retiring.</summary>
    [EnumValues("Stable", "DistributingTrust", "Signing", "Retiring")]
    public string? Phase { get; set; }

    /// <summary>Since when it is in that phase, RFC 3339.</summary>
    public string? PhaseSince { get; set; }

    /// <summary>How many proxies have what the phase gives them, of all: 412/415.</summary>
    public string? ProxiesTrusting { get; set; }

    /// <summary>Who holds a rotation up, the first ten: proxies as pod.namespace, and replicas of the operator.</summary>
    [Items(0, 10)]
    public List<RotationHolder>? Holding { get; set; }

    /// <summary>When the first of root and intermediate ends, RFC 3339.</summary>
    public string? NotAfter { get; set; }

    /// <summary>The certificates that matter, and when each ends.</summary>
    [Items(0, 16)]
    public List<CertificateExpiry>? Certificates { get; set; }

    /// <summary>The last rotation that was asked for and begun.</summary>
    [Length(0, 253)]
    public string? LastRotation { get; set; }
}

/// <summary>Somebody who holds a rotation up.</summary>
public sealed class RotationHolder
{
    /// <summary>A proxy as pod.namespace, or a replica of the operator.</summary>
    public string? Name { get; set; }

    /// <summary>What is missing.</summary>
    public string? Reason { get; set; }
}

/// <summary>A certificate and its end.</summary>
public sealed class CertificateExpiry
{
    /// <summary>What it is: root, intermediate, next-root or webhook.</summary>
    [Required]
    public string Name { get; set; } = string.Empty;

    /// <summary>When it ends, RFC 3339.</summary>
    public string? NotAfter { get; set; }

    /// <summary>SHA-256 of the certificate, in hexadecimal digits.</summary>
    public string? Fingerprint { get; set; }
}
