using System.Globalization;
using MeshOperator.Api.Policies;

namespace MeshOperator.Mesh.Shifts;

/// <summary>Judges the checks of a gradual shift by what was counted. Pure. A check fails when <see cref="SequentialTest"/> is sure,
/// however few requests there were; it passes only with as many as are required.</summary>
public static class ShiftJudge
{
    /// <summary>With a higher error ratio than allowed by less than this chance, more requests are waited for.</summary>
    internal const double Doubt = 0.05;

    /// <summary>Judges all checks.</summary>
    /// <param name="wanted">The shift.</param>
    /// <param name="weight">The target's share, 0 to 100 percent.</param>
    /// <param name="sample">What was counted in the step.</param>
    public static ShiftVerdict Judge(GradualShift wanted, int weight, ShiftSample sample)
    {
        ArgumentNullException.ThrowIfNull(wanted);
        ArgumentNullException.ThrowIfNull(sample);
        if (wanted.Checks.Count == 0)
            return ShiftVerdict.NoChecks;
        var verdicts = wanted.Checks.Select((check, at) => Judge(check, at, wanted.To, weight, sample)).ToList();
        if (verdicts.Find(verdict => verdict.Outcome is ShiftOutcome.Fail) is { } failed)
            return failed;
        var text = string.Join("; ", verdicts.Select(verdict => verdict.Reason));
        // What is asked needs no counts. Where there are some, they have to be enough all the same: of no requests none is bad.
        var isCompared = wanted.Checks.Exists(NeedsCounts);
        if (isCompared && sample.Gap is { } gap)
            return new ShiftVerdict(ShiftOutcome.Inconclusive, $"{gap}; {text}");
        var required = GradualShiftDefaults.ResolveRequirement(wanted).RequestsPerStep;
        if ((isCompared || sample.IsCounted) && sample.Target.Requests < required)
            return new ShiftVerdict(ShiftOutcome.Inconclusive, Text($"{sample.Target.Requests:N0} of {required:N0} requests; {text}"));
        return verdicts.Exists(verdict => verdict.Outcome is ShiftOutcome.Inconclusive)
            ? new ShiftVerdict(ShiftOutcome.Inconclusive, text)
            : new ShiftVerdict(ShiftOutcome.Pass, text);
    }

    /// <summary>Whether a check compares what was counted.</summary>
    public static bool NeedsCounts(ShiftCheck check)
    {
        ArgumentNullException.ThrowIfNull(check);
        return check.Capacity is null && !IsAsked(check);
    }

    /// <summary>Whether somebody outside of the mesh is asked.</summary>
    public static bool IsAsked(ShiftCheck check)
    {
        ArgumentNullException.ThrowIfNull(check);
        return check.Prometheus is not null || check.Webhook is not null;
    }

    private static ShiftVerdict Judge(ShiftCheck check, int at, string to, int weight, ShiftSample sample) =>
        check switch
        {
            { Prometheus: { } prometheus } => FindAnswers(sample, at).Judge("prometheus", prometheus.FailureThreshold),
            { Webhook: { } webhook } => FindAnswers(sample, at).Judge("webhook", webhook.FailureThreshold),
            { SuccessRate: { } rate } => Judge(rate, to, sample),
            { Errors: { } errors } => Judge(errors, to, weight, sample),
            { Capacity: { } capacity } => sample.Endpoints.Judge(capacity, to, weight),
            { Latency: { } latency } => LatencyJudge.Judge(latency, to, weight, sample),
            _ => ShiftVerdict.NoChecks,
        };

    private static CheckAnswers FindAnswers(ShiftSample sample, int at) => sample.Answers.GetValueOrDefault(at, CheckAnswers.None);

    private static ShiftVerdict Judge(SuccessRateCheck check, string to, ShiftSample sample)
    {
        var (target, others) = (sample.Target, sample.Others);
        var beside = others.Requests == 0 ? string.Empty : Text($" (the others {others.SuccessPercent:0.00}%)");
        var text = Text($"successRate {target.SuccessPercent:0.00}% of {target.Requests:N0} requests to {to}{beside}");
        if (SequentialTest.IsExceeded(target.Errors, target.Requests, 1 - (check.Min / 100)))
            return new ShiftVerdict(ShiftOutcome.Fail, Text($"{text}, min {check.Min}%"));
        return target.SuccessPercent >= check.Min
            ? new ShiftVerdict(ShiftOutcome.Pass, text)
            : new ShiftVerdict(ShiftOutcome.Inconclusive, Text($"{text}, min {check.Min}%, which may be chance"));
    }

    /// <summary>Of all errors, those of the target are no more than its share, if its rate is as the others'.</summary>
    private static ShiftVerdict Judge(ErrorsCheck check, string to, int weight, ShiftSample sample)
    {
        var (target, others) = (sample.Target, sample.Others);
        if (weight >= 100)
            return new ShiftVerdict(ShiftOutcome.Pass, "errors: no other backend to compare with");
        var ofTarget = Text($"errors {target.Errors:N0} of {target.Requests:N0} requests to {to}");
        var text = Text($"{ofTarget} and {others.Errors:N0} of {others.Requests:N0} to the others");
        if (others.Requests == 0)
            return new ShiftVerdict(ShiftOutcome.Inconclusive, text);
        var share = target.Requests * check.MaxRatio;
        var allowed = share / (share + others.Requests);
        var all = target.Errors + others.Errors;
        if (SequentialTest.IsExceeded(target.Errors, all, allowed))
            return new ShiftVerdict(ShiftOutcome.Fail, Text($"{text}, maxRatio {check.MaxRatio}"));
        return SequentialTest.Tail(target.Errors, all, allowed) >= Doubt
            ? new ShiftVerdict(ShiftOutcome.Pass, text)
            : new ShiftVerdict(ShiftOutcome.Inconclusive, Text($"{text}, maxRatio {check.MaxRatio}, which may be chance"));
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
