using k8s.Models;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Api.Policies;

/// <summary>MtlsPolicy says whether workloads take mutual TLS only, and who may call them.</summary>
[KubernetesEntity(Group = MeshNames.Group, ApiVersion = MeshNames.Version, Kind = "MtlsPolicy", PluralName = "mtlspolicies")]
[KubernetesEntityShortNames("mtls")]
[KubernetesEntityCategories("meshpolicies", "mesh")]
[AdditionalPrinterColumn(".spec.mode", "Mode", Order = 1)]
[AdditionalPrinterColumn(".spec.auditOnly", "Audit", "boolean", Order = 2, Priority = 1)]
[AdditionalPrinterColumn(".status.conditions[?(@.type==\"Accepted\")].status", "Accepted", Order = 10)]
[AdditionalPrinterColumn(".status.conditions[?(@.type==\"Programmed\")].status", "Programmed", Order = 11)]
[AdditionalPrinterColumn(".status.proxies.summary", "Proxies", Order = 12, Description = "Proxies that acknowledged, of those it applies to.")]
[AdditionalPrinterColumn(".status.conditions[?(@.type==\"ResolvedRefs\")].status", "Resolved", Order = 13, Priority = 1)]
[AdditionalPrinterColumn(".metadata.creationTimestamp", "Age", "date", Order = 20)]
public sealed class MtlsPolicy : CustomKubernetesEntity<MtlsPolicySpec, PolicyStatus>;

/// <summary>Which workloads, in which mode, and who may call them. The most specific policy of a pod holds as a whole: with a
/// selector, of the namespace, of the mesh. Neither mode nor rules of the others are inherited.</summary>
public sealed class MtlsPolicySpec
{
    /// <summary>Labels of the pods it applies to; left out, all of the namespace, and in the operator's namespace all of the mesh.</summary>
    public PodLabelSelector? Selector { get; set; }

    /// <summary>What the workloads' ports take.</summary>
    [DefaultValue(MtlsPolicyDefaults.Mode)]
    public MtlsPolicyMode Mode { get; set; } = MtlsPolicyDefaults.Mode;

    /// <summary>The mode of single ports, by number, where it differs.</summary>
    [Items(0, 32)]
    [ValidationRule("self.all(port, port.matches('^[1-9][0-9]{0,4}$') && int(port) <= 65535)", "a port must be a number from 1 to 65535")]
    public Dictionary<string, MtlsPolicyMode>? PortModes { get; set; }

    /// <summary>Who may call, all others are refused; left out, everybody may.</summary>
    [Items(0, 64)]
    [ValidationRule("size(self) > 0", "the list is empty: leave allow out to let everybody call, or to refuse all calls write deny: [{ports: […]}] with the ports of the workload")]
    public List<AccessRule>? Allow { get; set; }

    /// <summary>Who may not call; wins over allow.</summary>
    [Items(0, 64)]
    public List<AccessRule>? Deny { get; set; }

    /// <summary>Counts and logs what allow and deny would refuse, and refuses nothing.</summary>
    [DefaultValue(false)]
    public bool AuditOnly { get; set; }

    /// <summary>Ends the HTTP requests, streams and WebSockets that are open when allow, deny or auditOnly changes, within 30 seconds: all of
    /// the ports concerned, as a proxy cannot tell them apart. Otherwise what was admitted runs to its end.</summary>
    [DefaultValue(false)]
    public bool EndOpenStreams { get; set; }

    /// <summary>Bounds on the TLS that is spoken.</summary>
    public TlsParameters? Tls { get; set; }
}

/// <summary>What a workload's port takes.</summary>
public enum MtlsPolicyMode
{
    /// <summary>Only mutual TLS with an identity of the mesh.</summary>
    Strict,

    /// <summary>Mutual TLS from the mesh, plaintext from elsewhere.</summary>
    Permissive,

    /// <summary>Only what the application itself speaks.</summary>
    Disabled,
}

/// <summary>Selects calls; of each field given, one value must fit.</summary>
[ValidationRule("has(self.identities) || has(self.serviceAccounts) || has(self.namespaces) || has(self.ports) || has(self.methods) || has(self.paths)", "a rule must say something: give at least one field")]
public sealed class AccessRule
{
    /// <summary>SPIFFE identities of callers, for example spiffe://cluster.local/ns/shop/sa/web; a final * stands for any rest.</summary>
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

    /// <summary>Ports of the workload that are called.</summary>
    [Items(1, 64)]
    [RangeMinimum(1)]
    [RangeMaximum(65535)]
    public List<int>? Ports { get; set; }

    /// <summary>HTTP methods.</summary>
    [Items(1, 9)]
    [EnumValues("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")]
    public List<string>? Methods { get; set; }

    /// <summary>HTTP paths; a final * stands for any rest.</summary>
    [Items(1, 64)]
    [Length(1, 1024)]
    [Pattern("^/[^*]*\\*?$")]
    public List<string>? Paths { get; set; }
}

/// <summary>Bounds on TLS.</summary>
public sealed class TlsParameters
{
    /// <summary>The least version that is spoken.</summary>
    [DefaultValue(MtlsPolicyDefaults.MinVersion)]
    [EnumValues("1.2", "1.3")]
    public string MinVersion { get; set; } = MtlsPolicyDefaults.MinVersion;

    /// <summary>Cipher suites for TLS 1.2, in OpenSSL's names; left out, Envoy's defaults.</summary>
    [ListSet]
    [Items(1, 32)]
    [Length(1, 64)]
    public List<string>? CipherSuites { get; set; }
}
