using k8s.Models;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Api.Policies;

/// <summary>What became of a policy.</summary>
public sealed class PolicyStatus
{
    /// <summary>The generation of the policy that the status is about.</summary>
    [RangeMinimum(0)]
    public long? ObservedGeneration { get; set; }

    /// <summary>Accepted (is the policy valid and not overruled), ResolvedRefs (does everything exist that it names) and Programmed
    /// (have the proxies acknowledged it).</summary>
    [ListMapKeys("type")]
    [Items(0, 8)]
    public List<PolicyCondition> Conditions { get; set; } = [];

    /// <summary>How many proxies the policy applies to, and what they answered.</summary>
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

    /// <summary>The generation of the policy that was looked at.</summary>
    [RangeMinimum(0)]
    public long? ObservedGeneration { get; set; }

    /// <summary>When the status last changed.</summary>
    [Required]
    public DateTime LastTransitionTime { get; set; }

    /// <summary>Why, in one word.</summary>
    [Required]
    [Pattern("^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$")]
    [Length(1, 1024)]
    public string Reason { get; set; } = string.Empty;

    /// <summary>Why, in a sentence, and what to do about it.</summary>
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

    /// <summary>Those that acknowledged its current form.</summary>
    [Required]
    public int Acknowledged { get; set; }

    /// <summary>Those that refused it.</summary>
    [Required]
    public int Rejected { get; set; }

    /// <summary>Acknowledged of targeted, for example 412/415.</summary>
    [Length(0, 32)]
    public string? Summary { get; set; }
}
