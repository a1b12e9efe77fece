using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Api.Policies;

/// <summary>The state of a TrafficSplit.</summary>
public sealed class TrafficSplitStatus : PolicyStatus
{
    /// <summary>The shares of the backends, during a gradual shift as they are now, for example <c>model-v1 90% ·
    /// model-v2 10%</c>.</summary>
    [Length(0, 4096)]
    public string? Split { get; set; }

    /// <summary>How far gradual shifts are. The weights here are those that proxies are sent.</summary>
    [ListMapKeys("rule")]
    [Items(0, 16)]
    public List<ShiftStatus>? Shifts { get; set; }
}

/// <summary>How far a gradual shift is.</summary>
public sealed class ShiftStatus
{
    /// <summary>The rule's name, or its place in the list; <c>backends</c> for the split's own shift.</summary>
    [Required]
    [Length(1, 63)]
    public string Rule { get; set; } = string.Empty;

    /// <summary>The backend that the traffic is shifted to.</summary>
    [Required]
    [Length(1, ServiceNames.Longest)]
    public string To { get; set; } = string.Empty;

    /// <summary>The revision that the status is about.</summary>
    [Length(0, 253)]
    public string? Revision { get; set; }

    /// <summary>The backends that the status is about, ordered by name.</summary>
    [Required]
    [Items(1, 16)]
    [Length(1, 80)]
    public List<string> Backends { get; set; } = [];

    /// <summary>Where the shift is.</summary>
    [Required]
    public ShiftPhase Phase { get; set; }

    /// <summary>The target's share, in percent.</summary>
    [Required]
    [RangeMinimum(0)]
    [RangeMaximum(100)]
    public int Weight { get; set; }

    /// <summary>Which step it is at; 0 before the first.</summary>
    [RangeMinimum(0)]
    public int Step { get; set; }

    /// <summary>Phase and step in short, for example <c>Progressing 2/3</c>.</summary>
    [Length(0, 64)]
    public string? Progress { get; set; }

    /// <summary>When the phase, or the step, began.</summary>
    public DateTime? Since { get; set; }

    /// <summary>When all proxies had acknowledged the step.</summary>
    public DateTime? AcknowledgedAt { get; set; }

    /// <summary>When the next step begins at the earliest.</summary>
    public DateTime? NextStepAt { get; set; }

    /// <summary>Why it is there, and what it waits for.</summary>
    [Length(0, 4096)]
    public string? Reason { get; set; }

    /// <summary>The last command that was carried out, so that it is carried out once.</summary>
    [Length(0, 1024)]
    public string? Command { get; set; }
}

/// <summary>Where a gradual shift is.</summary>
public enum ShiftPhase
{
    /// <summary>No step has begun.</summary>
    Pending,

    /// <summary>The target gets copies of requests, which are judged.</summary>
    Mirroring,

    /// <summary>A step has begun, and is acknowledged or judged.</summary>
    Progressing,

    /// <summary>The step has passed, and the next one waits for an approval.</summary>
    AwaitingApproval,

    /// <summary>A person has paused it.</summary>
    Paused,

    /// <summary>A check failed or a proxy rejected the step, and it stays where it is.</summary>
    Held,

    /// <summary>All traffic goes to the other backends again.</summary>
    RolledBack,

    /// <summary>All traffic goes to the target.</summary>
    Completed,
}
