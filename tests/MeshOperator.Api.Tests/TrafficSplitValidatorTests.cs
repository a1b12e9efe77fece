using MeshOperator.Api.Policies;
using MeshOperator.Api.Validation;
using Shouldly;
using Xunit;

namespace MeshOperator.Api.Tests;

public sealed class TrafficSplitValidatorTests
{
    private static TrafficSplitSpec Split(params TrafficSplitBackend[] backends) => new() { Service = "model", Backends = [.. backends] };

    private static TrafficSplitRule Rule(string? name) => new() { Name = name, Backends = [new() { Service = "v1" }] };

    private static TrafficSplitSpec Create(TrafficSplitRule rule)
    {
        rule.Backends = [new() { Service = "v1" }];
        return new TrafficSplitSpec { Service = "m", Rules = [rule] };
    }

    public static TheoryData<TrafficSplitSpec, string> InvalidSplits =>
        new()
        {
            {
                new TrafficSplitSpec { Service = "model" },
                "spec: set exactly one of spec.backends and spec.rules"
            },
            {
                Split(new TrafficSplitBackend { Service = "v1", Weight = -1 }, new TrafficSplitBackend { Service = "v2" }),
                "spec.backends[0].weight: -1 is not a weight; use a number from 0 to 1000000"
            },
            {
                Split(new TrafficSplitBackend { Service = "v1", Weight = 0 }),
                "spec.backends: all weights are 0; set a weight above 0 for at least one backend"
            },
            {
                Split(new TrafficSplitBackend { Service = "v1" }, new TrafficSplitBackend { Service = "v1" }),
                "spec.backends: the backend 'v1' is listed twice; list it once, with the sum of the weights"
            },
            {
                Split(new() { Service = "v1", Port = 80 }, new() { Service = "v1" }, new() { Service = "v1", Port = 80 }),
                "spec.backends: the backend 'v1:80' is listed twice; list it once, with the sum of the weights"
            },
            {
                new TrafficSplitSpec { Service = "m", Rules = [Rule("a"), Rule("b"), Rule(null), Rule(null), Rule("b")] },
                "spec.rules: two rules are named 'b'; give each rule its own name"
            },
            {
                Create(new TrafficSplitRule { Fault = new() }),
                "spec.rules[0].fault: the fault is empty; set delay or abort, or omit fault"
            },
            {
                Create(
                    new TrafficSplitRule
                    {
                        Fault = new()
                        {
                            Abort = new() { Status = 503, Percent = 0.00005 },
                        },
                    }
                ),
                "spec.rules[0].fault.abort.percent: 0.00005 is below the smallest supported percentage; use 0 or at least 0.0001"
            },
            {
                Split(new TrafficSplitBackend { Service = "V1" }),
                "spec.backends[0].service: 'V1' is not the name of a service; use at most 63 lower-case letters, digits and '-', "
                    + "beginning with a letter"
            },
            {
                new TrafficSplitSpec
                {
                    Service = "m",
                    Rules =
                    [
                        new TrafficSplitRule
                        {
                            Backends = [new() { Service = "v1" }],
                            Timeouts = new RouteTimeouts { Request = "soon" },
                        },
                    ],
                },
                "spec.rules[0].timeouts.request: 'soon' is not a duration; write a number and a unit, such as 500ms, 10s or 1m30s"
            },
            {
                new TrafficSplitSpec
                {
                    Service = "m",
                    Rules =
                    [
                        new TrafficSplitRule
                        {
                            Backends = [new() { Service = "v1" }],
                            Matches =
                            [
                                new()
                                {
                                    Path = new PathMatch { Type = PathMatchType.RegularExpression, Value = "(" },
                                },
                            ],
                        },
                    ],
                },
                "spec.rules[0].matches[0].path.value: the path '(' is not a valid RE2 regular expression: at character 1, the group "
                    + "is not closed; write \\( to match the character itself"
            },
        };

    [Theory]
    [MemberData(nameof(InvalidSplits))]
    public void An_invalid_split_is_refused_with_field_and_fix(TrafficSplitSpec spec, string message) =>
        ValidationText.Describe(new TrafficSplitValidator().Validate(spec)).ShouldBe(message);

    [Theory]
    [InlineData(0)]
    [InlineData(0.0001)]
    [InlineData(100)]
    public void A_percentage_may_be_of_millionths(double percent) =>
        ValidationText
            .Describe(
                new TrafficSplitValidator().Validate(
                    Create(
                        new TrafficSplitRule
                        {
                            Mirror = new() { Service = "v2", Percent = percent },
                        }
                    )
                )
            )
            .ShouldBeEmpty();

    [Fact]
    public void A_valid_split_passes() =>
        new TrafficSplitValidator()
            .Validate(
                Split(new TrafficSplitBackend { Service = "v1", Weight = 90 }, new TrafficSplitBackend { Service = "v2", Weight = 0 })
            )
            .IsValid.ShouldBeTrue();
}
