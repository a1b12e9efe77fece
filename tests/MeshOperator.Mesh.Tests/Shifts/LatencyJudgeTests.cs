using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Shifts;
using Shouldly;
using Xunit;

namespace MeshOperator.Mesh.Tests.Shifts;

/// <summary>Shifts whose latencies are drawn at random, with seeds: ten minutes of 60 requests a second, of which a tenth goes to the
/// target, looked at every 5 seconds.</summary>
public sealed class LatencyJudgeTests
{
    private const int Shifts = 100;

    private static readonly GradualShift Wanted = new()
    {
        To = "v2",
        Checks =
        [
            new ShiftCheck
            {
                Latency = new LatencyCheck { Percentile = 99, MaxRatio = 1.2 },
            },
        ],
    };

    private static readonly GradualShift OfFirstByte = new()
    {
        To = "v2",
        Checks =
        [
            new ShiftCheck
            {
                Latency = new LatencyCheck { MaxRatio = 1.2, Of = LatencyPart.FirstByte },
            },
        ],
    };

    [Fact]
    public void Version_that_is_twice_as_slow_is_found_within_three_minutes() =>
        Enumerable
            .Range(0, Shifts)
            .Count(seed => Run(seed, minutes: 3, _ => 2).Outcome is ShiftOutcome.Fail)
            .ShouldBeGreaterThan((int)(0.95 * Shifts));

    [Fact]
    public void Version_that_is_as_fast_is_rolled_back_in_less_than_1_of_100_shifts() =>
        Enumerable.Range(0, 3 * Shifts).Count(seed => Run(seed, minutes: 10, _ => 1).Outcome is ShiftOutcome.Fail).ShouldBeLessThan(3);

    [Fact]
    public void Version_that_is_as_fast_passes_in_the_end() =>
        Enumerable
            .Range(0, Shifts)
            .Count(seed => Run(seed, minutes: 10, _ => 1).Outcome is ShiftOutcome.Pass)
            .ShouldBeGreaterThan((int)(0.85 * Shifts));

    [Fact]
    public void One_minute_in_which_the_target_is_five_times_as_slow_does_not_end_the_shift() =>
        Enumerable.Range(0, Shifts).ShouldAllBe(seed => Run(seed, 10, minute => minute == 4 ? 5 : 1).Outcome != ShiftOutcome.Fail);

    [Fact]
    public void A_minute_in_which_both_are_slow_is_nothing_against_the_target() =>
        Enumerable
            .Range(0, Shifts)
            .ShouldAllBe(seed => Run(seed, 10, minute => minute == 4 ? 5 : 1, ofAll: true).Outcome != ShiftOutcome.Fail);

    [Fact]
    public void Versions_that_answer_within_ten_milliseconds_are_not_compared()
    {
        var latencies = Latencies(Take(2000, 8), Take(2000, 2));
        ShiftJudge.Judge(Wanted, 10, Sample(latencies)).Outcome.ShouldBe(ShiftOutcome.Pass);
    }

    [Fact]
    public void Reason_says_what_was_compared()
    {
        var latencies = Latencies(Take(1000, 212).Add(500, 5), Take(5000, 200));
        ShiftJudge
            .Judge(Wanted, 10, Sample(latencies))
            .Reason.ShouldBe("latency p99 220 ms of 1,005 requests to v2, 1.05 times the others' 210 ms");
    }

    [Fact]
    public void Latencies_that_are_not_known_are_inconclusive()
    {
        var sample = Sample(Latencies(Take(1000, 20), Take(5000, 20))) with { Others = new ShiftCounts(50_000, 0) };
        ShiftJudge
            .Judge(Wanted, 10, sample)
            .ShouldSatisfyAllConditions(
                v => v.Outcome.ShouldBe(ShiftOutcome.Inconclusive),
                v => v.Reason.ShouldContain("known of 1,000 of 1,000 requests to v2, and of 5,000 of 50,000 to the others")
            );
    }

    [Fact]
    public void Check_of_the_first_byte_compares_first_bytes_alone()
    {
        var late = Sample(Latencies(Take(1000, 400), Take(5000, 400))) with { FirstBytes = Latencies(Take(1000, 200), Take(5000, 100)) };
        var slow = Sample(Latencies(Take(1000, 800), Take(5000, 400))) with { FirstBytes = Latencies(Take(1000, 100), Take(5000, 100)) };

        // The worst minute is left out, so there must be two.
        var two = late with
        {
            FirstBytes = late.FirstBytes.Add(Take(1000, 200), LatencyHistogram.Empty, beginsMinute: true),
        };
        ShiftJudge
            .Judge(OfFirstByte, 10, two)
            .ShouldSatisfyAllConditions(
                v => v.Outcome.ShouldBe(ShiftOutcome.Fail),
                v => v.Reason.ShouldContain("latency p99 to the first byte 210 ms of 2,000 requests to v2, 1.91 times the others' 110 ms")
            );
        ShiftJudge.Judge(OfFirstByte, 10, slow).Outcome.ShouldBe(ShiftOutcome.Pass);
    }

    [Fact]
    public void First_bytes_that_no_proxy_measures_are_inconclusive_and_the_reason_says_what_is_needed() =>
        ShiftJudge
            .Judge(OfFirstByte, 10, Sample(Latencies(Take(1000, 20), Take(5000, 20))))
            .ShouldSatisfyAllConditions(
                v => v.Outcome.ShouldBe(ShiftOutcome.Inconclusive),
                v => v.Reason.ShouldContain("known of 0 of 1,000 requests to v2"),
                v => v.Reason.ShouldContain("it needs sidecars of Envoy 1.39 or later")
            );

    [Fact]
    public void First_bytes_of_copies_are_not_compared() =>
        ShiftJudge
            .Judge(OfFirstByte, 0, Sample(Latencies(Take(1000, 20), Take(5000, 20))) with { IsOfCopies = true })
            .Outcome.ShouldBe(ShiftOutcome.Pass);

    [Fact]
    public void A_percentile_needs_enough_requests_of_both()
    {
        var few = Sample(Latencies(Take(1000, 20), Take(200, 20)));
        ShiftJudge.Judge(Wanted, 10, few).Reason.ShouldContain("latency p99 needs 300 requests to each");
    }

    [Fact]
    public void Old_minutes_are_kept_together()
    {
        var latencies = ShiftLatencies.None;
        for (var minute = 0; minute < 3 * ShiftLatencies.Most; minute++)
            latencies = latencies.Add(Take(10, minute), LatencyHistogram.Empty, beginsMinute: true);

        latencies.Minutes.Count.ShouldBe(ShiftLatencies.Most);
        latencies.Target.Count.ShouldBe(30 * ShiftLatencies.Most);
    }

    private static LatencyHistogram Take(long requests, long milliseconds) => LatencyHistogram.Empty.Add(milliseconds, requests);

    private static ShiftLatencies Latencies(LatencyHistogram target, LatencyHistogram others) =>
        ShiftLatencies.None.Add(target, others, beginsMinute: true);

    private static ShiftSample Sample(ShiftLatencies latencies) =>
        new(new ShiftCounts(latencies.Target.Count, 0), new ShiftCounts(latencies.Others.Count, 0), null) { Latencies = latencies };

    /// <summary>The first verdict that ends the shift, else the last.</summary>
    /// <param name="seed">Of the draw.</param>
    /// <param name="minutes">How long the step is.</param>
    /// <param name="slowness">By minute, how many times as long the target takes.</param>
    /// <param name="ofAll">Whether the others are as slow then.</param>
    private static ShiftVerdict Run(int seed, int minutes, Func<int, double> slowness, bool ofAll = false)
    {
        const int looksAMinute = 12;
        var random = new Random(seed);
        var latencies = ShiftLatencies.None;
        for (var look = 0; look < minutes * looksAMinute; look++)
        {
            var factor = slowness(look / looksAMinute);
            latencies = latencies.Add(
                Draw(random, 30, factor),
                Draw(random, 270, ofAll ? factor : 1),
                beginsMinute: look % looksAMinute == 0
            );
            if (ShiftJudge.Judge(Wanted, 10, Sample(latencies)) is { Outcome: ShiftOutcome.Fail } failed)
                return failed;
        }

        return ShiftJudge.Judge(Wanted, 10, Sample(latencies));
    }

    /// <summary>Log-normal, with a median of 80 milliseconds.</summary>
    private static LatencyHistogram Draw(Random random, int requests, double factor) =>
        LatencyHistogram.From(
            Enumerable
                .Range(0, requests)
                .Select(_ =>
                {
                    var normal = Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
                    return ((long)(80 * factor * Math.Exp(0.5 * normal)), 1L);
                })
        );
}
