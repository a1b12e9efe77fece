using MeshOperator.Api.Policies;
using MeshOperator.Api.Validation;
using Shouldly;
using Xunit;

namespace MeshOperator.Api.Tests;

public sealed class RetryPolicyValidatorTests
{
    public static TheoryData<RetryPolicySpec, string> InvalidRetryPolicies =>
        new()
        {
            {
                new RetryPolicySpec
                {
                    Backoff = new() { Base = "1s", Max = "10ms" },
                },
                "spec.backoff.max: 10ms is shorter than the first pause, 1s; make it longer, or omit it for ten times the first pause"
            },
            {
                new RetryPolicySpec { Backoff = new() { Max = "10ms" } },
                "spec.backoff.max: 10ms is shorter than the first pause, 25ms; make it longer, or omit it for ten times the first pause"
            },
            {
                new RetryPolicySpec { Backoff = new() { Base = "0s" } },
                "spec.backoff.base: 0s is too short; use at least 1ms"
            },
            {
                new RetryPolicySpec
                {
                    PerTryTimeout = "3s",
                    Timeouts = new() { Request = "2s" },
                },
                "spec.perTryTimeout: 3s is longer than timeouts.request, 2s, so it never ends an attempt; make it shorter, or omit it"
            },
            {
                new RetryPolicySpec { RetryOn = [RetryCondition.Unavailable] },
                NeedsPost
            },
            {
                new RetryPolicySpec { RetryOn = [RetryCondition.ConnectFailure, RetryCondition.Internal], Methods = ["GET"] },
                NeedsPost
            },
        };

    private const string NeedsPost =
        "spec.methods: gRPC calls are POST, which the methods do not include; add POST if the calls may be repeated";

    [Theory]
    [MemberData(nameof(InvalidRetryPolicies))]
    public void An_invalid_retry_policy_is_refused_with_field_and_fix(RetryPolicySpec spec, string message) =>
        Judge(spec).ShouldBe(message);

    public static TheoryData<RetryPolicySpec> ValidRetryPolicies =>
        [
            new RetryPolicySpec(),
            new RetryPolicySpec { Backoff = new() { Base = "1s" } },
            new RetryPolicySpec
            {
                PerTryTimeout = "2s",
                Timeouts = new() { Request = "2s" },
            },
            new RetryPolicySpec
            {
                PerTryTimeout = "2s",
                Timeouts = new() { Request = "0s" },
            },
            new RetryPolicySpec { RetryOn = [RetryCondition.Unavailable], Methods = ["POST"] },
            new RetryPolicySpec { RetryOn = [RetryCondition.Unavailable, RetryCondition.GatewayError] },
            new RetryPolicySpec { RetryOn = [RetryCondition.Unavailable], RetriableStatusCodes = [429] },
            new RetryPolicySpec { RetryOn = [RetryCondition.ConnectFailure] },
        ];

    [Theory]
    [MemberData(nameof(ValidRetryPolicies))]
    public void A_valid_retry_policy_passes(RetryPolicySpec spec) => Judge(spec).ShouldBeEmpty();

    private static string Judge(RetryPolicySpec spec)
    {
        spec.TargetRefs = [Service("a")];
        return ValidationText.Describe(new RetryPolicyValidator().Validate(spec));
    }

    private static PolicyTargetReference Service(string name) => new() { Kind = PolicyTargetKind.Service, Name = name };
}
