using FluentValidation;
using MeshOperator.Api.Validation;

namespace MeshOperator.Api.Policies;

/// <summary>What a RetryPolicy must fulfil besides its schema; the same rules in the webhook and in the reconciler.</summary>
public sealed class RetryPolicyValidator : AbstractValidator<RetryPolicySpec>
{
    /// <summary>Makes the validator.</summary>
    public RetryPolicyValidator()
    {
        RuleFor(r => r.TargetRefs).AreTargets(PolicyTargetKind.Service, PolicyTargetKind.TrafficSplit);
        RuleFor(r => r.Attempts)
            .Must(a => a is >= 0 and <= 10)
            .WithMessage((_, a) => $"{a} is not a supported number of retries; use a number from 0 to 10");
        RuleFor(r => r.PerTryTimeout).IsDuration();
        RuleFor(r => r.MaxRequestBody)
            .Must(text => ByteQuantity.TryParse(text, out _))
            .WithMessage((_, text) => $"'{text}' {ByteQuantity.Message}");
        RuleForEach(r => r.RetriableStatusCodes)
            .InclusiveBetween(100, 599)
            .WithMessage((_, status) => $"{status} is not an HTTP status; use a number from 100 to 599");
        RuleFor(r => r.Methods)
            .Must((r, _) => !NeedsPost(r))
            .WithMessage("gRPC calls are POST, which the methods do not include; add POST if the calls may be repeated");
        RuleFor(r => r.PerTryTimeout)
            .Must(
                (r, text) =>
                    !MeshDuration.TryParse(text, out var attempt)
                    || !MeshDuration.TryParse(r.Timeouts?.Request, out var whole)
                    || whole == TimeSpan.Zero
                    || attempt <= whole
            )
            .WithMessage(
                (r, text) =>
                    $"{text} is longer than timeouts.request, {r.Timeouts!.Request}, so it never ends an attempt; make it shorter, or "
                    + "omit it"
            );
        When(
            r => r.Backoff is not null,
            () =>
            {
                RuleFor(r => r.Backoff!.Base).IsDuration();
                RuleFor(r => r.Backoff!.Max).IsDuration();
                RuleFor(r => r.Backoff!.Base)
                    .Must(text => !MeshDuration.TryParse(text, out var first) || first >= TimeSpan.FromMilliseconds(1))
                    .WithMessage((_, text) => $"{text} is too short; use at least 1ms");
                RuleFor(r => r.Backoff!.Max)
                    .Must(
                        (r, text) =>
                            !MeshDuration.TryParse(text, out var longest)
                            || !MeshDuration.TryParse(FirstPause(r), out var first)
                            || longest >= first
                    )
                    .WithMessage(
                        (r, text) =>
                            $"{text} is shorter than the first pause, {FirstPause(r)}; make it longer, or omit it for ten times the "
                            + "first pause"
                    );
            }
        );
        When(
            r => r.Budget is not null,
            () =>
            {
                RuleFor(r => r.Budget!.Percent).IsPercent();
                RuleFor(r => r.Budget!.MinConcurrency).IsAtLeast(0);
            }
        );
        When(
            r => r.Timeouts is not null,
            () =>
            {
                RuleFor(r => r.Timeouts!.Request).IsDuration();
                RuleFor(r => r.Timeouts!.FirstByte).IsDuration();
                RuleFor(r => r.Timeouts!.Connect).IsDurationAboveZero();
                RuleFor(r => r.Timeouts!.Idle).IsDuration();
            }
        );
    }

    private static string FirstPause(RetryPolicySpec policy) => policy.Backoff?.Base ?? RetryPolicyDefaults.BackoffBase;

    /// <summary>Whether only gRPC's own statuses are retried on, and the methods leave out the one of its calls.</summary>
    private static bool NeedsPost(RetryPolicySpec policy)
    {
        if (
            policy.RetryOn is not { } conditions
            || policy.Methods?.Contains("POST") == true
            || policy.RetriableStatusCodes is { Count: > 0 }
        )
            return false;
        var answers = conditions
            .Except([RetryCondition.ConnectFailure, RetryCondition.RefusedStream, RetryCondition.ResetBeforeRequest])
            .ToArray();
        return answers.Length > 0
            && answers.All(c =>
                c
                    is RetryCondition.Cancelled
                        or RetryCondition.DeadlineExceeded
                        or RetryCondition.Internal
                        or RetryCondition.ResourceExhausted
                        or RetryCondition.Unavailable
            );
    }
}
