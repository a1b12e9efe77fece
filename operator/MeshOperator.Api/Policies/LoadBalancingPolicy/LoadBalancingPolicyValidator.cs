using FluentValidation;
using MeshOperator.Api.Validation;

namespace MeshOperator.Api.Policies;

/// <summary>What a LoadBalancingPolicy must fulfil besides its schema; the same rules in the webhook and in the reconciler.</summary>
public sealed class LoadBalancingPolicyValidator : AbstractValidator<LoadBalancingPolicySpec>
{
    /// <summary>Makes the validator.</summary>
    public LoadBalancingPolicyValidator()
    {
        RuleFor(p => p.TargetRefs).AreTargets(PolicyTargetKind.Service);
        RuleFor(p => p.Hash)
            .Must((policy, hash) => (hash is not null) == (policy.Method is LoadBalancingMethod.Hash))
            .WithMessage("hash belongs to the method Hash; set both or neither");
        RuleFor(p => p.Utilization)
            .Must((policy, utilization) => utilization is null || policy.Method is LoadBalancingMethod.Utilization)
            .WithMessage("utilization is for the method Utilization only; set that method, or remove utilization");
        RuleFor(p => p.SlowStart)
            .Must((policy, start) => start is null || policy.Method is not (LoadBalancingMethod.Random or LoadBalancingMethod.Hash))
            .WithMessage("the methods Random and Hash have no slow start; remove slowStart, or use another method");
        RuleFor(p => p.PanicThreshold)
            .Must(percent => percent is null or (>= 0 and <= 100))
            .WithMessage((_, percent) => $"{percent} is not a percentage; use a number from 0 to 100");
        RuleFor(p => p.EndpointsPerCaller)
            .Must(count =>
                count
                    is null
                        or (>= LoadBalancingPolicyDefaults.MinEndpointsPerCaller and <= LoadBalancingPolicyDefaults.MaxEndpointsPerCaller)
            )
            .WithMessage(
                (_, count) =>
                    $"{count} is not a number of endpoints; use {LoadBalancingPolicyDefaults.MinEndpointsPerCaller} to "
                    + $"{LoadBalancingPolicyDefaults.MaxEndpointsPerCaller}, or omit it to use all"
            )
            .Must((policy, count) => count is null || policy.Method is not LoadBalancingMethod.Hash)
            .WithMessage(
                "with the method Hash all callers choose among the same endpoints; remove endpointsPerCaller, or use another method"
            );
        When(p => p.Hash is not null, () => RuleFor(p => p.Hash!).SetValidator(new StickySessionsValidator()));
        When(p => p.SlowStart is not null, () => RuleFor(p => p.SlowStart!).SetValidator(new SlowStartValidator()));
        When(p => p.Utilization is not null, () => RuleFor(p => p.Utilization!).SetValidator(new UtilizationValidator()));
    }

    private sealed class SlowStartValidator : AbstractValidator<SlowStartSpec>
    {
        public SlowStartValidator()
        {
            RuleFor(s => s.Window).IsDurationAboveZero();
            RuleFor(s => s.MinWeightPercent)
                .Must(percent => percent is >= 1 and <= 100)
                .WithMessage((_, percent) => $"{percent} is not a part of the share in percent; use a number from 1 to 100");
        }
    }

    private sealed class UtilizationValidator : AbstractValidator<UtilizationSpec>
    {
        public UtilizationValidator()
        {
            RuleFor(u => u.MetricNames)
                .Must(names => names is null or { Count: >= 1 and <= 16 })
                .WithMessage("the list must have 1 to 16 metrics; omit it to use application_utilization or cpu_utilization");
            RuleForEach(u => u.MetricNames)
                .Must(LoadReportMetric.IsKnown)
                .WithMessage((_, name) => $"'{name}' is not a metric of load reports; {LoadReportMetric.Forms}");
            RuleFor(u => u.ReportingPeriod).IsDurationAboveZero();
            RuleFor(u => u)
                .Must(u => u.ReportingPeriod is null || !u.AskForReports)
                .WithMessage("reports come either with responses or by calls of their own; set askForReports or reportingPeriod, not both");
            RuleFor(u => u.BlackoutPeriod).IsDuration();
            RuleFor(u => u.ExpirationPeriod).IsDurationAboveZero();
        }
    }
}
