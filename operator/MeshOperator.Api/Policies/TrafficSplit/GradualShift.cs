using System.Diagnostics.CodeAnalysis;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Api.Policies;

/// <summary>Shifts traffic from the other backends to one of them, in steps. How far it is stands in the status; the spec is never
/// written.</summary>
public sealed class GradualShift
{
    /// <summary>The backend that gets more and more of the traffic, from 0 to 100 percent. The others share the rest by their
    /// weights.</summary>
    [Required]
    [Length(1, ServiceNames.Longest)]
    [Pattern(ServiceNames.Pattern)]
    public string To { get; set; } = string.Empty;

    /// <summary>Any text. Another one begins the shift anew, from 0 percent.</summary>
    [Length(1, 253)]
    public string? Revision { get; set; }

    /// <summary>The steps, with rising weights. After the last one all traffic goes to the target.</summary>
    [Required]
    [Items(1, 32)]
    public List<ShiftStep> Steps { get; set; } = [];

    /// <summary>Sends copies of requests to the target before its first step. Their responses are ignored, but judged.</summary>
    public ShiftMirror? MirrorFirst { get; set; }

    /// <summary>What must hold for the target so that the next step begins. They are judged all the time; one that fails ends the shift as
    /// onFailure says.</summary>
    [Items(0, 8)]
    [AllowNull]
    public List<ShiftCheck> Checks
    {
        get;
        set => field = value ?? [];
    } = [];

    /// <summary>How much traffic the checks need.</summary>
    public ShiftRequirement? Require { get; set; }

    /// <summary>What happens when a check fails.</summary>
    [DefaultValue(GradualShiftDefaults.OnFailure)]
    public OnShiftFailure OnFailure { get; set; } = GradualShiftDefaults.OnFailure;

    /// <summary>When steps may begin. If omitted, at any time. A step that has begun is judged outside of them
    /// too.</summary>
    [Items(0, 8)]
    [AllowNull]
    public List<ShiftWindow> Windows
    {
        get;
        set => field = value ?? [];
    } = [];

    /// <summary>Leaves all traffic where it is: no step begins, and nothing is rolled back.</summary>
    public bool? Suspend { get; set; }

    /// <summary>Judges the checks and says what would happen, but moves no traffic.</summary>
    public bool? DryRun { get; set; }
}

/// <summary>Copies of requests for the target of a gradual shift.</summary>
public sealed class ShiftMirror
{
    /// <summary>The share of requests that are copied, in percent.</summary>
    [Required]
    [RangeMinimum(0.001)]
    [RangeMaximum(100)]
    public double Percent { get; set; }

    /// <summary>How long it lasts at least, counted from when all proxies have acknowledged it.</summary>
    [Duration]
    [DefaultValue(GradualShiftDefaults.Hold)]
    public string Hold { get; set; } = GradualShiftDefaults.Hold;
}

/// <summary>A step of a gradual shift.</summary>
public sealed class ShiftStep
{
    /// <summary>The target's share of the requests, in percent.</summary>
    [Required]
    [RangeMinimum(1)]
    [RangeMaximum(100)]
    public int Weight { get; set; }

    /// <summary>How long the step lasts at least, counted from when all proxies have acknowledged it.</summary>
    [Duration]
    [DefaultValue(GradualShiftDefaults.Hold)]
    public string Hold { get; set; } = GradualShiftDefaults.Hold;

    /// <summary>Whether a person must approve of the next step.</summary>
    [DefaultValue(GradualShiftDefaults.Approval)]
    public ShiftApproval Approval { get; set; } = GradualShiftDefaults.Approval;
}

/// <summary>Whether a person must approve of the next step.</summary>
public enum ShiftApproval
{
    /// <summary>The shift goes on by itself.</summary>
    Automatic,

    /// <summary>It waits for <c>meshop shift approve</c>, or the annotation.</summary>
    Required,
}

/// <summary>What happens when a check fails.</summary>
public enum OnShiftFailure
{
    /// <summary>All traffic goes back to the other backends.</summary>
    Rollback,

    /// <summary>The shift stops where it is.</summary>
    Hold,
}

/// <summary>What must hold for the target. Exactly one is set.</summary>
[ValidationRule(
    "[has(self.successRate), has(self.errors), has(self.latency), has(self.capacity), has(self.prometheus), "
        + "has(self.webhook)].exists_one(given, given)",
    "set exactly one of successRate, errors, latency, capacity, prometheus and webhook"
)]
public sealed class ShiftCheck
{
    /// <summary>How many of the target's requests succeed.</summary>
    public SuccessRateCheck? SuccessRate { get; set; }

    /// <summary>The target's rate of errors beside that of the other backends, at the same time.</summary>
    public ErrorsCheck? Errors { get; set; }

    /// <summary>How long the target takes beside the other backends, at the same time.</summary>
    public LatencyCheck? Latency { get; set; }

    /// <summary>How many endpoints the target has for its share.</summary>
    public CapacityCheck? Capacity { get; set; }

    /// <summary>What a Prometheus answers.</summary>
    public PrometheusCheck? Prometheus { get; set; }

    /// <summary>What a server of yours answers.</summary>
    public WebhookCheck? Webhook { get; set; }
}

/// <summary>How many requests succeed, before retries, as the callers' proxies counted them.</summary>
public sealed class SuccessRateCheck
{
    /// <summary>The smallest part that must, in percent.</summary>
    [Required]
    [RangeMinimum(0)]
    [RangeMaximum(99.999)]
    public double Min { get; set; }
}

/// <summary>The rate of errors beside that of the other backends.</summary>
public sealed class ErrorsCheck
{
    /// <summary>How many times as high it may be.</summary>
    [Required]
    [RangeMinimum(1)]
    [RangeMaximum(1000)]
    public double MaxRatio { get; set; }
}

/// <summary>How long requests take beside those to the other backends, as the callers' proxies measured it.</summary>
public sealed class LatencyCheck
{
    /// <summary>What of a request takes that long.</summary>
    [DefaultValue(GradualShiftDefaults.LatencyOf)]
    public LatencyPart Of { get; set; } = GradualShiftDefaults.LatencyOf;

    /// <summary>Which percentile is compared.</summary>
    [DefaultValue(GradualShiftDefaults.Percentile)]
    [RangeMinimum(50)]
    [RangeMaximum(99.9)]
    public double Percentile { get; set; } = GradualShiftDefaults.Percentile;

    /// <summary>How many times as long it may be. Proxies keep two digits of the milliseconds, so that less than 1.1 cannot be
    /// seen.</summary>
    [Required]
    [RangeMinimum(1.1)]
    [RangeMaximum(1000)]
    public double MaxRatio { get; set; }

    /// <summary>Answers within this are good, however fast the other backends are.</summary>
    [Duration]
    [DefaultValue(GradualShiftDefaults.IgnoreBelow)]
    public string IgnoreBelow { get; set; } = GradualShiftDefaults.IgnoreBelow;
}

/// <summary>How many ready endpoints the target has beside those that its share needs. All requests need as many as the other backends have
/// together, and a share of them that part. With fewer, the next step does not begin.</summary>
public sealed class CapacityCheck
{
    /// <summary>Which part of them the target must have.</summary>
    [DefaultValue(GradualShiftDefaults.CapacityRatio)]
    [RangeMinimum(0.01)]
    [RangeMaximum(100)]
    public double MinRatio { get; set; } = GradualShiftDefaults.CapacityRatio;
}

/// <summary>What of a request is measured.</summary>
public enum LatencyPart
{
    /// <summary>From the end of the request to the end of the response; of a stream, all of it.</summary>
    Response,

    /// <summary>From the beginning of the request to the first byte of the response's body; of a model that streams, its first token.
    /// Needs Envoy 1.39 or later.</summary>
    FirstByte,
}

/// <summary>How much traffic the checks of a step need. With less, they are inconclusive, and the next step does not begin.</summary>
public sealed class ShiftRequirement
{
    /// <summary>How many requests the target must have got in the step.</summary>
    [DefaultValue(GradualShiftDefaults.RequestsPerStep)]
    [RangeMinimum(1)]
    [RangeMaximum(100000000)]
    public int RequestsPerStep { get; set; } = GradualShiftDefaults.RequestsPerStep;

    /// <summary>How long a step waits for it, beyond its hold. After that the step counts as failed.</summary>
    [Duration]
    [DefaultValue(GradualShiftDefaults.Timeout)]
    public string Timeout { get; set; } = GradualShiftDefaults.Timeout;
}

/// <summary>A time in which steps may begin.</summary>
public sealed class ShiftWindow
{
    /// <summary>When it opens, in the five fields of cron: minute, hour, day of the month, month, day of the week.</summary>
    [Required]
    [Length(9, 128)]
    public string Cron { get; set; } = string.Empty;

    /// <summary>How long it stays open.</summary>
    [Required]
    [Duration]
    public string Duration { get; set; } = string.Empty;

    /// <summary>The time zone of the IANA database, for example Europe/Berlin.</summary>
    [DefaultValue(GradualShiftDefaults.TimeZone)]
    [Length(1, 64)]
    public string TimeZone { get; set; } = GradualShiftDefaults.TimeZone;
}
