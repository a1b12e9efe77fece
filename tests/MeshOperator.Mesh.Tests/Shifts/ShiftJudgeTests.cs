using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Shifts;
using Shouldly;
using Xunit;

namespace MeshOperator.Mesh.Tests.Shifts;

/// <summary>Shifts whose requests are drawn at random, with seeds: how soon a bad version is found, and how rarely a good one is taken for
/// bad.</summary>
public sealed class ShiftJudgeTests
{
    private static readonly GradualShift Wanted = new()
    {
        To = "v2",
        Checks =
        [
            new ShiftCheck { SuccessRate = new SuccessRateCheck { Min = 99.5 } },
            new ShiftCheck { Errors = new ErrorsCheck { MaxRatio = 1.5 } },
        ],
    };

    [Fact]
    public void Version_that_fails_half_is_found_within_20_requests() =>
        Enumerable
            .Range(0, 200)
            .Count(seed => Draw(seed, weight: 10, 0.5, 0.001, most: 20).Outcome is ShiftOutcome.Fail)
            .ShouldBeGreaterThan(190);

    [Fact]
    public void Version_with_3_percent_of_errors_is_found_within_500_requests() =>
        Enumerable
            .Range(0, 200)
            .Count(seed => Draw(seed, weight: 10, 0.03, 0.0009, most: 500).Outcome is ShiftOutcome.Fail)
            .ShouldBeGreaterThan(190);

    [Theory]
    [InlineData(0.001)]
    [InlineData(0.004)]
    public void Healthy_version_is_taken_for_a_bad_one_in_less_than_1_of_100_shifts(double errors)
    {
        var failed = 0;
        for (var seed = 0; seed < 400; seed++)
        {
            foreach (var weight in new[] { 1, 10, 50 })
            {
                if (Draw(seed * 100 + weight, weight, errors, errors, most: 3000).Outcome is ShiftOutcome.Fail)
                {
                    failed++;
                    break;
                }
            }
        }

        failed.ShouldBeLessThan(4);
    }

    [Fact]
    public void Healthy_version_passes_with_as_many_requests_as_are_required() =>
        Enumerable
            .Range(0, 200)
            .Count(seed => Draw(seed, weight: 10, 0.0005, 0.0005, most: 500).Outcome is ShiftOutcome.Pass)
            .ShouldBeGreaterThan(180);

    [Fact]
    public void Few_requests_are_inconclusive_however_good() =>
        ShiftJudge
            .Judge(Wanted, 10, new ShiftSample(new ShiftCounts(499, 0), new ShiftCounts(4500, 0), null))
            .ShouldSatisfyAllConditions(
                v => v.Outcome.ShouldBe(ShiftOutcome.Inconclusive),
                v => v.Reason.ShouldStartWith("499 of 500 requests; successRate 100.00% of 499 requests to v2 (the others 100.00%)")
            );

    [Fact]
    public void What_was_not_counted_is_inconclusive_but_what_certainly_fails_is_not()
    {
        var good = new ShiftSample(new ShiftCounts(5000, 0), new ShiftCounts(50000, 0), "3 of 9 proxies report what they count");
        ShiftJudge.Judge(Wanted, 10, good).Outcome.ShouldBe(ShiftOutcome.Inconclusive);
        ShiftJudge.Judge(Wanted, 10, good with { Target = new ShiftCounts(5000, 2500) }).Outcome.ShouldBe(ShiftOutcome.Fail);
    }

    [Fact]
    public void Bad_hour_of_both_versions_passes_the_comparison()
    {
        var compared = new GradualShift { To = "v2", Checks = [Wanted.Checks[1]] };
        ShiftJudge
            .Judge(compared, 50, new ShiftSample(new ShiftCounts(5000, 1000), new ShiftCounts(5000, 1000), null))
            .Outcome.ShouldBe(ShiftOutcome.Pass);
    }

    [Theory]
    [InlineData(0, 100, 0.1, 1)]
    [InlineData(100, 100, 0.5, 7.888609052210118e-31)]
    [InlineData(1, 10, 0.1, 0.6513215599)]
    [InlineData(3, 10, 0.1, 0.0701908264)]
    public void Tail_is_that_of_the_binomial_distribution(long happened, long of, double allowed, double tail) =>
        SequentialTest.Tail(happened, of, allowed).ShouldBe(tail, 1e-9);

    /// <summary>Draws requests one by one and judges after every 20 of the target, as reports come in.</summary>
    private static ShiftVerdict Draw(int seed, int weight, double targetErrors, double otherErrors, int most)
    {
        var random = new Random(seed);
        var (target, others) = (default(ShiftCounts), default(ShiftCounts));
        while (target.Requests < most)
        {
            if (random.Next(100) >= weight)
            {
                others += new ShiftCounts(1, random.NextDouble() < otherErrors ? 1 : 0);
                continue;
            }

            target += new ShiftCounts(1, random.NextDouble() < targetErrors ? 1 : 0);
            if (target.Requests % 20 != 0)
                continue;
            var verdict = ShiftJudge.Judge(Wanted, weight, new ShiftSample(target, others, null));
            if (verdict.Outcome is ShiftOutcome.Fail)
                return verdict;
        }

        return ShiftJudge.Judge(Wanted, weight, new ShiftSample(target, others, null));
    }
}
