using System.Globalization;
using FluentValidation;
using MeshOperator.Api.Validation;

namespace MeshOperator.Api.Policies;

/// <summary>What a TrafficSplit must fulfil besides its schema; the same rules in the webhook and in the reconciler.</summary>
public sealed class TrafficSplitValidator : AbstractValidator<TrafficSplitSpec>
{
    /// <summary>Makes the validator.</summary>
    public TrafficSplitValidator()
    {
        RuleFor(s => s.Service).IsServiceName();
        RuleFor(s => s.Port).IsPort();
        RuleFor(s => s).Must(s => (s.Backends is null) != (s.Rules is null)).WithMessage("set exactly one of spec.backends and spec.rules");
        When(s => s.Backends is not null, () => RuleFor(s => s.Backends!).SetValidator(new BackendsValidator()));
        RuleFor(s => s.Shift)
            .Must(shift => shift is null)
            .When(s => s.Rules is not null)
            .WithMessage("a split with rules has a shift for each rule; set spec.rules[].shift");
        When(
            s => s is { Shift: not null, Backends: not null },
            () => RuleFor(s => s.Shift!).SetValidator(s => new GradualShiftValidator(s.Backends!))
        );
        When(
            s => s.Rules is not null,
            () =>
            {
                RuleFor(s => s.Rules!).Must(r => r.Count is >= 1 and <= 16).WithMessage("the list must have 1 to 16 rules");
                RuleForEach(s => s.Rules!).SetValidator(new RuleValidator());
                RuleFor(s => s.Rules!)
                    .Must(r => r.FirstTwice(x => x.Name) is null)
                    .WithMessage((_, r) => $"two rules are named '{r.FirstTwice(x => x.Name)}'; give each rule its own name");
            }
        );
    }

    private sealed class BackendsValidator : AbstractValidator<List<TrafficSplitBackend>>
    {
        public BackendsValidator()
        {
            RuleFor(b => b).Must(b => b.Count is >= 1 and <= 16).WithMessage("the list must have 1 to 16 backends");
            RuleFor(b => b)
                .Must(b => b.Count == 0 || b.Any(x => TrafficSplitDefaults.ResolveWeight(x) > 0))
                .WithMessage("all weights are 0; set a weight above 0 for at least one backend");
            RuleFor(b => b)
                .Must(b => b.FirstTwice(Describe) is null)
                .WithMessage(b => $"the backend '{b.FirstTwice(Describe)}' is listed twice; list it once, with the sum of the weights");
            RuleForEach(b => b)
                .ChildRules(backend =>
                {
                    backend.RuleFor(b => b.Service).IsServiceName();
                    backend.RuleFor(b => b.Port).IsPort();
                    backend
                        .RuleFor(b => b.Weight)
                        .Must(w => w is null or (>= 0 and <= 1_000_000))
                        .WithMessage((_, weight) => $"{weight} is not a weight; use a number from 0 to 1000000");
                });
        }

        private static string Describe(TrafficSplitBackend backend) =>
            backend.Port is { } port ? string.Create(CultureInfo.InvariantCulture, $"{backend.Service}:{port}") : backend.Service;
    }

    private sealed class RuleValidator : AbstractValidator<TrafficSplitRule>
    {
        public RuleValidator()
        {
            RuleFor(r => r.Backends).SetValidator(new BackendsValidator());
            When(r => r.Shift is not null, () => RuleFor(r => r.Shift!).SetValidator(r => new GradualShiftValidator(r.Backends)));
            RuleFor(r => r.Mirror)
                .Must(mirror => mirror is null)
                .When(r => r.Shift?.MirrorFirst is not null)
                .WithMessage("the rule's shift has mirrorFirst, and a request is copied once; remove one of the two");
            RuleForEach(r => r.Matches).SetValidator(new MatchValidator());
            When(
                r => r.Mirror is not null,
                () =>
                {
                    RuleFor(r => r.Mirror!.Service).IsServiceName();
                    RuleFor(r => r.Mirror!.Port).IsPort();
                    RuleFor(r => r.Mirror!.Percent).IsPercent();
                }
            );
            When(r => r.Sticky is not null, () => RuleFor(r => r.Sticky!).SetValidator(new StickySessionsValidator()));
            When(
                r => r.Timeouts is not null,
                () =>
                {
                    RuleFor(r => r.Timeouts!.Request).IsDuration();
                    RuleFor(r => r.Timeouts!.FirstByte).IsDuration();
                    RuleFor(r => r.Timeouts!.Idle).IsDuration();
                }
            );
            RuleFor(r => r.Fault)
                .Must(f => f is not { Delay: null, Abort: null })
                .WithMessage("the fault is empty; set delay or abort, or omit fault");
            When(
                r => r.Fault?.Delay is not null,
                () =>
                {
                    RuleFor(r => r.Fault!.Delay!.Duration)
                        .Must(d => MeshDuration.TryParse(d, out var delay) && delay > TimeSpan.Zero)
                        .WithMessage((_, text) => $"'{text}' is not a delay; write a duration above 0, for example 500ms or 2s");
                    RuleFor(r => r.Fault!.Delay!.Percent).IsPercent();
                }
            );
            When(
                r => r.Fault?.Abort is not null,
                () =>
                {
                    RuleFor(r => r.Fault!.Abort!.Status)
                        .InclusiveBetween(200, 599)
                        .WithMessage((_, status) => $"{status} is not an HTTP status; use a number from 200 to 599");
                    RuleFor(r => r.Fault!.Abort!.Percent).IsPercent();
                }
            );
            When(
                r => r.Headers is not null,
                () =>
                {
                    RuleForEach(r => r.Headers!.Set).SetValidator(new HeaderValidator());
                    RuleForEach(r => r.Headers!.Add).SetValidator(new HeaderValidator());
                    RuleForEach(r => r.Headers!.Remove).IsChangeableHeader();
                }
            );
        }
    }

    private sealed class HeaderValidator : AbstractValidator<HttpHeader>
    {
        public HeaderValidator()
        {
            RuleFor(h => h.Name).IsChangeableHeader();
            RuleFor(h => h.Value).IsOneLine("a header");
        }
    }

    private sealed class MatchValidator : AbstractValidator<HttpRequestMatch>
    {
        public MatchValidator()
        {
            When(m => m.Path is not null, () => RuleFor(m => m.Path!).SetValidator(new PathMatchValidator("use queryParams")));
            RuleForEach(m => m.Headers).SetValidator(new ValueMatchValidator("a header"));
            RuleForEach(m => m.QueryParams).SetValidator(new ValueMatchValidator("a query parameter"));
            RuleForEach(m => m.Cookies).SetValidator(new CookieMatchValidator());
        }
    }
}
