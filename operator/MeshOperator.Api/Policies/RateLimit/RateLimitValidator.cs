using FluentValidation;
using MeshOperator.Api.Validation;

namespace MeshOperator.Api.Policies;

/// <summary>What a RateLimit must fulfil besides its schema; the same rules in the webhook and in the reconciler.</summary>
public sealed class RateLimitValidator : AbstractValidator<RateLimitSpec>
{
    /// <summary>Makes the validator.</summary>
    public RateLimitValidator()
    {
        RuleFor(r => r)
            .Must(r => (r.Selector is null) != (r.TargetRefs is null))
            .WithMessage("set exactly one of spec.selector and spec.targetRefs");
        RuleFor(r => r.Selector)
            .Must(s => s is null or { MatchLabels.Count: > 0 })
            .WithMessage("matchLabels is empty; set at least one label");
        When(r => r.TargetRefs is not null, () => RuleFor(r => r.TargetRefs!).AreTargets(PolicyTargetKind.Service));
        RuleFor(r => r)
            .Must(r => r.Limits is not null || r.Queue is not null)
            .WithMessage("nothing is limited; set at least one of limits and queue");
        RuleFor(r => r.Limits).Must(l => l is null or { Count: >= 1 and <= 16 }).WithMessage("the list must have 1 to 16 limits");
        RuleForEach(r => r.Limits).SetValidator(new LimitValidator());
        When(
            r => r.Queue is not null,
            () =>
            {
                RuleFor(r => r.Queue!.Running).IsAtLeast(1);
                RuleFor(r => r.Queue!.Waiting).IsAtLeast(0);
            }
        );
    }

    private sealed class ClientValidator : AbstractValidator<RateLimitClient>
    {
        public ClientValidator()
        {
            RuleFor(c => c.Header).IsReadableHeader();
            RuleFor(c => c.Identity)
                .Must(identity => identity is null or RateLimitClient.ServiceAccount)
                .WithMessage((_, identity) => $"'{identity}' is not an identity; write {RateLimitClient.ServiceAccount}");
        }
    }

    private sealed class CostValidator : AbstractValidator<RateLimitCost>
    {
        public CostValidator()
        {
            RuleFor(c => c.Requests).IsAtLeast(1);
            RuleFor(c => c.Header).IsReadableHeader();
        }
    }

    private sealed class LimitValidator : AbstractValidator<RequestLimit>
    {
        public LimitValidator()
        {
            RuleFor(l => l.Requests).IsAtLeast(1);
            RuleFor(l => l.Burst).IsAtLeast(1);
            When(
                l => l.Per is not null,
                () =>
                    RuleFor(l => l.Per!)
                        .Must(c => (c.Header is null) != (c.Identity is null))
                        .WithMessage("set exactly one of header and identity")
                        .SetValidator(new ClientValidator())
            );
            When(
                l => l.Cost is not null,
                () =>
                {
                    RuleFor(l => l.Cost!).SetValidator(new CostValidator());
                    RuleFor(l => l.Cost!.Requests)
                        .Must((limit, cost) => cost <= RateLimitDefaults.ResolveBurst(limit))
                        .WithMessage(
                            (limit, cost) =>
                                $"{cost} is more than the burst of {RateLimitDefaults.ResolveBurst(limit)}, so no request would be "
                                + "accepted; lower it or raise burst"
                        );
                }
            );
            When(
                l => l.Match is not null,
                () =>
                {
                    RuleFor(l => l.Match!)
                        .Must(m => m is not { Path: null, Method: null } || m.Headers is { Count: > 0 })
                        .OverridePropertyName("match")
                        .WithMessage("the match is empty; set at least one of path, method and headers, or omit match");
                    When(
                        l => l.Match!.Path is not null,
                        () => RuleFor(l => l.Match!.Path!).SetValidator(new PathMatchValidator("remove it"))
                    );
                    RuleForEach(l => l.Match!.Headers).SetValidator(new ValueMatchValidator("a header"));
                }
            );
        }
    }
}
