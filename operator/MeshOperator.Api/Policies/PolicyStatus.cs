using k8s.Models;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Api.Policies;

/// <summary>The state of a policy.</summary>
[AdditionalPrinterColumn(".status.conditions[?(@.type==\"Accepted\")].status", "Accepted", Order = 10)]
[AdditionalPrinterColumn(".status.conditions[?(@.type==\"Programmed\")].status", "Programmed", Order = 11)]
[AdditionalPrinterColumn(
    ".status.proxies.summary",
    "Proxies",
    Order = 12,
    Description = "Proxies that have acknowledged it, of those it applies to."
)]
[AdditionalPrinterColumn(".status.conditions[?(@.type==\"ResolvedRefs\")].status", "Resolved", Order = 13, Priority = 1)]
[AdditionalPrinterColumn(".metadata.creationTimestamp", "Age", "date", Order = 20)]
public class PolicyStatus
{
    /// <summary>The generation of the policy that the status describes.</summary>
    [RangeMinimum(0)]
    public long? ObservedGeneration { get; set; }

    /// <summary>Accepted (the policy is valid and no other policy takes its place), ResolvedRefs (everything that it refers to exists) and
    /// Programmed (the proxies have acknowledged it).</summary>
    [ListMapKeys("type")]
    [Items(0, 8)]
    public List<PolicyCondition> Conditions { get; set; } = [];

    /// <summary>How many proxies the policy applies to, and how many have acknowledged or rejected it.</summary>
    public ProxyCounts? Proxies { get; set; }
}

/// <summary>One aspect of a policy's state.</summary>
public sealed class PolicyCondition
{
    /// <summary>The aspect, for example Accepted.</summary>
    [Required]
    [Pattern("^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$")]
    [Length(1, 316)]
    public string Type { get; set; } = string.Empty;

    /// <summary>True, False or Unknown.</summary>
    [Required]
    [EnumValues("True", "False", "Unknown")]
    public string Status { get; set; } = string.Empty;

    /// <summary>The generation of the policy that the condition describes.</summary>
    [RangeMinimum(0)]
    public long? ObservedGeneration { get; set; }

    /// <summary>When the status last changed.</summary>
    [Required]
    public DateTime LastTransitionTime { get; set; }

    /// <summary>The reason for the status, in one word.</summary>
    [Required]
    [Pattern("^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")]
    [Length(1, 1024)]
    public string Reason { get; set; } = string.Empty;

    /// <summary>The reason in a sentence, and what to do about it.</summary>
    [Required]
    [Length(0, 32768)]
    public string Message { get; set; } = string.Empty;
}

/// <summary>How many proxies a policy applies to, and what they answered.</summary>
public sealed class ProxyCounts
{
    /// <summary>Proxies that the policy applies to: the connected ones, and those that are not connected although their container
    /// runs.</summary>
    [Required]
    public int Targeted { get; set; }

    /// <summary>Proxies that have acknowledged the current version.</summary>
    [Required]
    public int Acknowledged { get; set; }

    /// <summary>Proxies that have rejected it.</summary>
    [Required]
    public int Rejected { get; set; }

    /// <summary>Acknowledged and targeted proxies, for example 412/415.</summary>
    [Length(0, 32)]
    public string? Summary { get; set; }
}
