using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Shifts;
using Shouldly;
using Xunit;

namespace MeshOperator.Mesh.Tests.Shifts;

public sealed class ShiftEndpointsTests
{
    [Theory]
    [InlineData(1, 4, 10, 1, ShiftOutcome.Pass)]
    [InlineData(1, 4, 25, 1, ShiftOutcome.Pass)]
    [InlineData(1, 4, 26, 1, ShiftOutcome.Inconclusive)]
    [InlineData(2, 4, 50, 1, ShiftOutcome.Pass)]
    [InlineData(3, 4, 100, 1, ShiftOutcome.Inconclusive)]
    [InlineData(3, 4, 100, 0.75, ShiftOutcome.Pass)]
    [InlineData(4, 4, 100, 1.5, ShiftOutcome.Inconclusive)]
    [InlineData(1, 0, 100, 1, ShiftOutcome.Pass)]
    [InlineData(0, 4, 0, 1, ShiftOutcome.Inconclusive)]
    public void Target_needs_its_share_of_as_many_endpoints_as_the_others_have(
        int target,
        int others,
        int weight,
        double minRatio,
        ShiftOutcome expected
    ) => Judge(target, others, weight, minRatio).Outcome.ShouldBe(expected);

    [Fact]
    public void Reason_names_the_endpoints() =>
        Judge(2, 6, 50, 1).Reason.ShouldContain("capacity: v2 has 2 of 3 endpoints that 50% needs (the others have 6)");

    private static ShiftVerdict Judge(int target, int others, int weight, double minRatio) =>
        ShiftJudge.Judge(
            new GradualShift { To = "v2", Checks = [new ShiftCheck { Capacity = new CapacityCheck { MinRatio = minRatio } }] },
            weight,
            new ShiftSample(new ShiftCounts(1000, 0), new ShiftCounts(1000, 0), null) { Endpoints = new ShiftEndpoints(target, others) }
        );
}
