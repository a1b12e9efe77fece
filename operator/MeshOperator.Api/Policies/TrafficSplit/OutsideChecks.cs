using System.Diagnostics.CodeAnalysis;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Api.Policies;

/// <summary>Asks a Prometheus, and compares the number that it answers with.</summary>
[ValidationRule("has(self.min) || has(self.max)", "nothing is compared; set min, max or both")]
public sealed class PrometheusCheck
{
    /// <summary>Where it is, for example http://prometheus:9090: a Service of the split's namespace, or a host that the operator's option
    /// --shift-check-hosts lists. The path of its API is added.</summary>
    [Required]
    [Length(8, CheckUrl.Longest)]
    [Pattern(CheckUrl.Pattern)]
    public string Url { get; set; } = string.Empty;

    /// <summary>A query in PromQL with one number as its answer. {{ name }}, {{ namespace }}, {{ service }}, {{ target }}, {{ source }} and
    /// {{ interval }} stand for the split, its namespace, its service, the backend shifted to, those shifted from (separated by | as in a
    /// regular expression) and the interval of the check.</summary>
    [Required]
    [Length(1, 4096)]
    public string Query { get; set; } = string.Empty;

    /// <summary>The smallest number that passes, for example 99.5.</summary>
    [Length(1, 40)]
    [Pattern(DecimalPattern)]
    public string? Min { get; set; }

    /// <summary>The largest number that passes, for example 0.02.</summary>
    [Length(1, 40)]
    [Pattern(DecimalPattern)]
    public string? Max { get; set; }

    /// <summary>How often it is asked.</summary>
    [Duration]
    [DefaultValue(OutsideCheckDefaults.Interval)]
    public string Interval { get; set; } = OutsideCheckDefaults.Interval;

    /// <summary>How many answers in a row must be out of bounds for the check to fail.</summary>
    [DefaultValue(OutsideCheckDefaults.FailureThreshold)]
    [RangeMinimum(1)]
    [RangeMaximum(100)]
    public int FailureThreshold { get; set; } = OutsideCheckDefaults.FailureThreshold;

    internal const string DecimalPattern = @"^-?[0-9]+(\.[0-9]+)?$";
}

/// <summary>Asks a server of yours by POST, with the payload of Flagger's webhooks. A status 2xx passes, another one does not.</summary>
public sealed class WebhookCheck
{
    /// <summary>Where it is, for example http://judge/check: a Service of the split's namespace, or a host that the operator's option
    /// --shift-check-hosts lists.</summary>
    [Required]
    [Length(8, CheckUrl.Longest)]
    [Pattern(CheckUrl.Pattern)]
    public string Url { get; set; } = string.Empty;

    /// <summary>Sent along as the payload's metadata, for example type and cmd for Flagger's load tester.</summary>
    [Items(0, 32)]
    [Length(0, 4096)]
    [AllowNull]
    public Dictionary<string, string> Metadata
    {
        get;
        set => field = value ?? [];
    } = [];

    /// <summary>How often it is asked.</summary>
    [Duration]
    [DefaultValue(OutsideCheckDefaults.Interval)]
    public string Interval { get; set; } = OutsideCheckDefaults.Interval;

    /// <summary>How many answers in a row must be other than 2xx for the check to fail.</summary>
    [DefaultValue(OutsideCheckDefaults.FailureThreshold)]
    [RangeMinimum(1)]
    [RangeMaximum(100)]
    public int FailureThreshold { get; set; } = OutsideCheckDefaults.FailureThreshold;
}

/// <summary>What checks that are asked mean where they leave something out.</summary>
public static class OutsideCheckDefaults
{
    /// <summary>How often they are asked.</summary>
    public const string Interval = "30s";

    /// <summary>How many failed answers in a row fail the check.</summary>
    public const int FailureThreshold = 3;
}
