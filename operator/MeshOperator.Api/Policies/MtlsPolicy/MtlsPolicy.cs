using System.Diagnostics.CodeAnalysis;
using k8s.Models;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Api.Policies;

/// <summary>MtlsPolicy sets whether workloads accept only mutual TLS, and who may call them.</summary>
[KubernetesEntity(Group = MeshNames.Group, ApiVersion = MeshNames.Version, Kind = "MtlsPolicy", PluralName = "mtlspolicies")]
[KubernetesEntityShortNames("mtls")]
[KubernetesEntityCategories("meshpolicies", "mesh")]
[AdditionalPrinterColumn(".spec.mode", "Mode", Order = 1)]
[AdditionalPrinterColumn(".spec.auditOnly", "Audit", "boolean", Order = 2, Priority = 1)]
public sealed class MtlsPolicy : MeshPolicy<MtlsPolicySpec, PolicyStatus>;

/// <summary>The workloads, their mode, and who may call them. The most specific policy of a pod applies as a whole: one with a selector,
/// then that of the namespace, then that of the mesh. Neither the mode nor the rules of the others are inherited.</summary>
public sealed class MtlsPolicySpec
{
    /// <summary>Labels of the pods that the policy applies to. If omitted, it applies to all pods of the namespace, or in the operator's
    /// namespace to all pods of the mesh.</summary>
    public PodLabelSelector? Selector { get; set; }

    /// <summary>What the workloads' ports accept.</summary>
    [DefaultValue(MtlsPolicyDefaults.Mode)]
    public MtlsPolicyMode Mode { get; set; } = MtlsPolicyDefaults.Mode;

    /// <summary>The mode of individual ports, by number, where it differs.</summary>
    [Items(0, 32)]
    [ValidationRule(
        "self.all(port, port.matches('^[1-9][0-9]{0,4}$') && int(port) <= 65535)",
        "a key is not a port; use numbers from 1 to 65535"
    )]
    [AllowNull]
    public Dictionary<string, MtlsPolicyMode> PortModes
    {
        get;
        set => field = value ?? [];
    } = [];

    /// <summary>Who may call. All others are refused. If omitted, everybody may call.</summary>
    [Items(0, 64)]
    [ValidationRule(
        "size(self) > 0",
        "the list is empty; omit allow to let everybody call, or to refuse all calls write deny: [{ports: […]}] with the ports of the "
            + "workload"
    )]
    public List<AccessRule>? Allow { get; set; }

    /// <summary>Who may not call. It takes precedence over allow.</summary>
    [Items(0, 64)]
    [AllowNull]
    public List<AccessRule> Deny
    {
        get;
        set => field = value ?? [];
    } = [];

    /// <summary>Counts and logs the calls that allow and deny would refuse, without refusing them.</summary>
    [DefaultValue(false)]
    public bool AuditOnly { get; set; }

    /// <summary>When allow, deny or auditOnly changes, ends the open HTTP requests, streams and WebSockets within 30 seconds: all of those
    /// on the ports concerned, as a proxy cannot distinguish them. Otherwise requests that were admitted run to their end.</summary>
    [DefaultValue(false)]
    public bool EndOpenStreams { get; set; }

    /// <summary>Which TLS versions and cipher suites are allowed.</summary>
    public TlsParameters? Tls { get; set; }
}

/// <summary>What a workload's port accepts.</summary>
public enum MtlsPolicyMode
{
    /// <summary>Only mutual TLS with an identity of the mesh.</summary>
    Strict,

    /// <summary>Mutual TLS from the mesh, plaintext from elsewhere.</summary>
    Permissive,

    /// <summary>Only what the application itself speaks.</summary>
    Disabled,
}

/// <summary>Selects calls. A call matches if, for each field that is set, one of the values matches.</summary>
[ValidationRule(
    "has(self.identities) || has(self.serviceAccounts) || has(self.namespaces) || has(self.ports) || has(self.methods) || has(self.paths)",
    "the rule is empty; set at least one field"
)]
public sealed class AccessRule
{
    /// <summary>SPIFFE identities of callers, for example spiffe://cluster.local/ns/shop/sa/web. A * at the end matches any
    /// suffix.</summary>
    [Items(1, 64)]
    [Length(1, 2048)]
    [Pattern("^spiffe://[^*]+\\*?$")]
    public List<string>? Identities { get; set; }

    /// <summary>Service accounts of callers: name, or namespace/name.</summary>
    [Items(1, 64)]
    [Length(1, 317)]
    [Pattern("^([a-z0-9]([-a-z0-9]*[a-z0-9])?/)?[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
    public List<string>? ServiceAccounts { get; set; }

    /// <summary>Namespaces of callers.</summary>
    [Items(1, 64)]
    [Length(1, 63)]
    [Pattern("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
    public List<string>? Namespaces { get; set; }

    /// <summary>Ports of the workload.</summary>
    [Items(1, 64)]
    [RangeMinimum(1)]
    [RangeMaximum(65535)]
    public List<int>? Ports { get; set; }

    /// <summary>HTTP methods.</summary>
    [Items(1, 9)]
    [EnumValues("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")]
    public List<string>? Methods { get; set; }

    /// <summary>HTTP paths. A * at the end matches any suffix.</summary>
    [Items(1, 64)]
    [Length(1, 1024)]
    [Pattern("^/[^*]*\\*?$")]
    public List<string>? Paths { get; set; }
}

/// <summary>TLS settings.</summary>
public sealed class TlsParameters
{
    /// <summary>The lowest TLS version that is accepted.</summary>
    [DefaultValue(MtlsPolicyDefaults.MinVersion)]
    [EnumValues("1.2", "1.3")]
    public string MinVersion { get; set; } = MtlsPolicyDefaults.MinVersion;

    /// <summary>Cipher suites for TLS 1.2, by their OpenSSL names. If omitted, Envoy's defaults.</summary>
    [ListSet]
    [Items(1, 32)]
    [Length(1, 64)]
    public List<string>? CipherSuites { get; set; }
}
