using FluentValidation;
using MeshOperator.Api.V1Alpha1;

namespace MeshOperator.Api.Validation;

/// <summary>What a RetryPolicy must fulfil besides its schema; the same rules in the webhook and in the reconciler.</summary>
public sealed class RetryPolicyValidator : AbstractValidator<RetryPolicySpec>
{
    /// <summary>Makes the validator.</summary>
    public RetryPolicyValidator()
    {
        RuleFor(r => r.TargetRefs).AreTargets(PolicyTargetKind.Service, PolicyTargetKind.TrafficSplit);
        RuleFor(r => r.Attempts).Must(a => a is null or (>= 0 and <= 10)).WithMessage((_, a) => $"{a} is no number of retries: it must be from 0 to 10");
        RuleFor(r => r.PerTryTimeout).IsDuration();
        RuleForEach(r => r.RetriableStatusCodes).InclusiveBetween(100, 599)
            .WithMessage((_, status) => $"{status} is no status: it must be from 100 to 599");
        When(r => r.Backoff is not null, () =>
        {
            RuleFor(r => r.Backoff!.Base).IsDuration();
            RuleFor(r => r.Backoff!.Max).IsDuration();
            RuleFor(r => r.Backoff!)
                .Must(b => Or(b.Base, 25) >= TimeSpan.FromMilliseconds(1) && Or(b.Max, 250) >= Or(b.Base, 25))
                .When(r => (r.Backoff!.Base is null || MeshDuration.TryParse(r.Backoff.Base, out _)) && (r.Backoff.Max is null || MeshDuration.TryParse(r.Backoff.Max, out _)))
                .WithMessage("base must be at least 1ms, and max not below base");
        });
        When(r => r.Budget is not null, () =>
        {
            RuleFor(r => r.Budget!.Percent).IsPercent();
            RuleFor(r => r.Budget!.MinConcurrency).Must(m => m is null or >= 0).WithMessage("it cannot be negative");
        });
        When(r => r.Timeouts is not null, () =>
        {
            RuleFor(r => r.Timeouts!.Request).IsDuration();
            RuleFor(r => r.Timeouts!.Connect).IsDurationAboveZero();
            RuleFor(r => r.Timeouts!.Idle).IsDuration();
        });
    }

    private static TimeSpan Or(string? text, int milliseconds) => MeshDuration.ParseOptional(text) ?? TimeSpan.FromMilliseconds(milliseconds);
}
