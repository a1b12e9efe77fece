using FluentValidation;
using MeshOperator.Api.Validation;

namespace MeshOperator.Api.Policies;

/// <summary>What a CircuitBreaker must fulfil besides its schema; the same rules in the webhook and in the reconciler.</summary>
public sealed class CircuitBreakerValidator : AbstractValidator<CircuitBreakerSpec>
{
    /// <summary>Makes the validator.</summary>
    public CircuitBreakerValidator()
    {
        RuleFor(c => c.TargetRefs).AreTargets(PolicyTargetKind.Service);
        RuleFor(c => c)
            .Must(c =>
                c is not { MaxConnections: null, MaxPendingRequests: null, MaxRequests: null, MaxRetries: null, OutlierDetection: null }
            )
            .WithMessage(
                "the circuit breaker sets no limit; set at least one of maxConnections, maxPendingRequests, maxRequests, maxRetries "
                    + "and outlierDetection"
            );
        RuleFor(c => c.MaxConnections).IsAtLeast(1);
        RuleFor(c => c.MaxPendingRequests).IsAtLeast(1);
        RuleFor(c => c.MaxRequests).IsAtLeast(1);
        RuleFor(c => c.MaxRetries).IsAtLeast(0);
        When(
            c => c.OutlierDetection is not null,
            () =>
            {
                RuleFor(c => c.OutlierDetection!.Consecutive5xx).IsAtLeast(0);
                RuleFor(c => c.OutlierDetection!.ConsecutiveGatewayErrors).IsAtLeast(0);
                RuleFor(c => c.OutlierDetection!)
                    .Must(o => o.Consecutive5xx != 0 || o.ConsecutiveGatewayErrors > 0)
                    .OverridePropertyName("outlierDetection.consecutive5xx")
                    .WithMessage("no error counts; set consecutive5xx or consecutiveGatewayErrors above 0");
                RuleFor(c => c.OutlierDetection!.Interval).IsDurationAboveZero();
                RuleFor(c => c.OutlierDetection!.BaseEjectionTime).IsDurationAboveZero();
                RuleFor(c => c.OutlierDetection!.MaxEjectionPercent)
                    .Must(p => p is >= 1 and <= 100)
                    .WithMessage((_, percent) => $"{percent} is not a share of the endpoints in percent; use a number from 1 to 100");
            }
        );
    }
}
