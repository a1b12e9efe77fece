using MeshOperator.Api.Policies;
using MeshOperator.Api.Validation;
using Shouldly;
using Xunit;

namespace MeshOperator.Api.Tests;

public sealed class RateLimitValidatorTests
{
    public static TheoryData<RateLimitSpec, string> InvalidRateLimits =>
        new()
        {
            {
                new RateLimitSpec { Limits = [new() { Requests = 1 }] },
                "spec: set exactly one of spec.selector and spec.targetRefs"
            },
            {
                new RateLimitSpec { TargetRefs = [Service("a")] },
                "spec: nothing is limited; set at least one of limits and queue"
            },
            {
                new RateLimitSpec { TargetRefs = [Service("a")], Limits = [new() { Requests = 0 }] },
                "spec.limits[0].requests: 0 is too small; use at least 1"
            },
            {
                new RateLimitSpec { TargetRefs = [Service("a")], Limits = [new() { Requests = 1, Match = new() }] },
                "spec.limits[0].match: the match is empty; set at least one of path, method and headers, or omit match"
            },
            {
                new RateLimitSpec
                {
                    TargetRefs = [Service("a")],
                    Limits =
                    [
                        new()
                        {
                            Requests = 1,
                            Match = new() { Path = new() { Value = "api" } },
                        },
                    ],
                },
                "spec.limits[0].match.path.value: the path 'api' does not begin with '/'; add it"
            },
            { Limited(new() { Requests = 1, Per = new() }), "spec.limits[0].per: set exactly one of header and identity" },
            {
                Limited(
                    new()
                    {
                        Requests = 1,
                        Per = new() { Header = "x-key", Identity = "serviceAccount" },
                    }
                ),
                "spec.limits[0].per: set exactly one of header and identity"
            },
            {
                Limited(
                    new()
                    {
                        Requests = 1,
                        Per = new() { Header = "x%key" },
                    }
                ),
                "spec.limits[0].per.header: 'x%key' is not supported as a header here; use one with letters, digits, '-' and '_' only"
            },
            {
                Limited(
                    new()
                    {
                        Requests = 1,
                        Per = new() { Identity = "pod" },
                    }
                ),
                "spec.limits[0].per.identity: 'pod' is not an identity; write serviceAccount"
            },
            {
                Limited(
                    new()
                    {
                        Requests = 1,
                        Cost = new() { Requests = 0 },
                    }
                ),
                "spec.limits[0].cost.requests: 0 is too small; use at least 1"
            },
            {
                Limited(
                    new()
                    {
                        Requests = 1,
                        Cost = new() { Header = "x:tokens" },
                    }
                ),
                "spec.limits[0].cost.header: 'x:tokens' is not supported as a header here; use one with letters, digits, '-' and '_' only"
            },
            {
                Limited(
                    new()
                    {
                        Requests = 10,
                        Burst = 2,
                        Cost = new() { Requests = 3 },
                    }
                ),
                "spec.limits[0].cost.requests: 3 is more than the burst of 2, so no request would be accepted; lower it or raise burst"
            },
        };

    private static RateLimitSpec Limited(RequestLimit limit) => new() { TargetRefs = [Service("a")], Limits = [limit] };

    [Theory]
    [MemberData(nameof(InvalidRateLimits))]
    public void An_invalid_rate_limit_is_refused_with_field_and_fix(RateLimitSpec spec, string message) =>
        ValidationText.Describe(new RateLimitValidator().Validate(spec)).ShouldBe(message);

    private static PolicyTargetReference Service(string name) => new() { Kind = PolicyTargetKind.Service, Name = name };
}
