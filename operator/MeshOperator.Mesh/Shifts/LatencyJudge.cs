using System.Globalization;
using MeshOperator.Api;
using MeshOperator.Api.Policies;

namespace MeshOperator.Mesh.Shifts;

/// <summary>Compares how long requests took. Of the target's requests no more than one in a hundred (for percentile 99) may take longer
/// than the others' percentile times the ratio that is allowed, which <see cref="SequentialTest"/> tests as it does errors. The target's
/// worst minute is left out of what makes it fail, so that one slow minute does not end a shift.</summary>
internal static class LatencyJudge
{
    /// <summary>So many of the slow requests must be expected before two percentiles can be compared.</summary>
    private const double LeastSlow = 3;

    /// <summary>How far the others' percentile may be off by chance, in standard deviations.</summary>
    private const double Sure = 2.5;

    /// <summary>Of fewer requests than this part the latency says nothing of all.</summary>
    private const double LeastKnown = 0.6;

    private const string FirstByteNeeds =
        "; it needs sidecars of Envoy 1.39 or later that this version of the operator injected, and responses with a body";

    public static ShiftVerdict Judge(LatencyCheck check, string to, int weight, ShiftSample sample)
    {
        if (weight >= 100)
            return new ShiftVerdict(ShiftOutcome.Pass, "latency: no other backend to compare with");
        var isOfFirstByte = check.Of is LatencyPart.FirstByte;
        if (isOfFirstByte && sample.IsOfCopies)
            return new ShiftVerdict(ShiftOutcome.Pass, "latency: the first bytes of copies are not measured");
        var (latencies, slow) = (isOfFirstByte ? sample.FirstBytes : sample.Latencies, 1 - (check.Percentile / 100));
        var (target, others) = (latencies.Target, latencies.Others);
        var needed = (long)Math.Ceiling(LeastSlow / slow - 1e-6);
        var name = Text($"latency p{check.Percentile}{(isOfFirstByte ? " to the first byte" : string.Empty)}");
        if (target.Count < sample.Target.Requests * LeastKnown || others.Count < sample.Others.Requests * LeastKnown)
        {
            var known = Text($"{target.Count:N0} of {sample.Target.Requests:N0} requests to {to}");
            var needs = isOfFirstByte ? FirstByteNeeds : string.Empty;
            return Unknown($"{name} is known of {known}, and of {others.Count:N0} of {sample.Others.Requests:N0} to the others{needs}");
        }

        if (others.Count < needed)
            return Unknown(
                $"{name} needs {needed:N0} requests to each; {target.Count:N0} to {to} and {others.Count:N0} to the others are known"
            );
        var (ratio, ignored) = (check.MaxRatio, MeshDuration.Parse(check.IgnoreBelow).TotalMilliseconds);
        var (mine, theirs) = (target.Quantile(1 - slow), others.Quantile(1 - slow));
        var text = Text(
            $"{name} {mine:N0} ms of {target.Count:N0} requests to {to}, {(double)mine / theirs:0.00} times the others' {theirs:N0} ms"
        );
        if (IsExceeded(latencies, Math.Max(ignored, ratio * others.Quantile(1 - slow + Margin(slow, others.Count))), slow))
            return new ShiftVerdict(ShiftOutcome.Fail, Text($"{text}, maxRatio {ratio}"));
        if (target.Count < needed)
            return Unknown($"{text}; {needed:N0} requests are needed");
        return SequentialTest.Tail(target.CountFrom(Math.Max(ignored, ratio * theirs)), target.Count, slow) >= ShiftJudge.Doubt
            ? new ShiftVerdict(ShiftOutcome.Pass, text)
            : Unknown($"{text}, maxRatio {ratio}, which may be chance");
    }

    private static double Margin(double slow, long of) => Math.Min(slow, Sure * Math.Sqrt(slow * (1 - slow) / of));

    private static bool IsExceeded(ShiftLatencies latencies, double limit, double slow)
    {
        var minutes = latencies.Minutes.ConvertAll(minute => (Slow: minute.CountFrom(limit), Of: minute.Count));
        var worst = minutes.MaxBy(minute => minute.Slow);
        return SequentialTest.IsExceeded(latencies.Target.CountFrom(limit) - worst.Slow, latencies.Target.Count - worst.Of, slow);
    }

    private static ShiftVerdict Unknown(FormattableString text) => new(ShiftOutcome.Inconclusive, Text(text));

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
