using System.Globalization;
using Cronos;
using FluentValidation;
using MeshOperator.Api.Validation;

namespace MeshOperator.Api.Policies;

/// <summary>What a gradual shift must fulfil besides its schema.</summary>
internal sealed class GradualShiftValidator : AbstractValidator<GradualShift>
{
    /// <summary>Makes the validator of a shift between backends.</summary>
    public GradualShiftValidator(List<TrafficSplitBackend> backends)
    {
        RuleFor(s => s.To)
            .Must(to => backends.Exists(backend => backend.Service == to))
            .WithMessage(
                (_, to) =>
                    $"'{to}' is none of the backends ({string.Join(", ", backends.Select(backend => backend.Service))}); name one of them"
            );
        RuleFor(s => s.To)
            .Must(to =>
                !backends.Exists(backend => backend.Service == to)
                || backends.Exists(backend => backend.Service != to && TrafficSplitDefaults.ResolveWeight(backend) > 0)
            )
            .WithMessage("a shift needs another backend with a weight above 0 to shift from");
        RuleFor(s => s.To)
            .Must(to => backends.Count(backend => backend.Service == to) <= 1)
            .WithMessage((_, to) => $"the backend '{to}' is listed with several ports; a shift needs one");
        RuleFor(s => s.Steps).Must(steps => steps.Count is >= 1 and <= 32).WithMessage("the list must have 1 to 32 steps");
        RuleFor(s => s.Steps)
            .Must(steps => FindFalling(steps) is null)
            .WithMessage((_, steps) => $"{FindFalling(steps)}; each step must have a higher weight than the one before");
        RuleForEach(s => s.Steps)
            .ChildRules(step =>
            {
                step.RuleFor(s => s.Weight)
                    .InclusiveBetween(1, 100)
                    .WithMessage((_, weight) => $"{weight} is not a step's weight; use whole percent, 1 to 100");
                step.RuleFor(s => s.Hold).IsDuration();
            });
        When(
            s => s.MirrorFirst is not null,
            () =>
            {
                RuleFor(s => s.MirrorFirst!.Percent)
                    .Must(percent => percent is > 0 and <= 100)
                    .WithMessage((_, percent) => Text($"{percent} is not a share to copy; use percent above 0, up to 100"));
                RuleFor(s => s.MirrorFirst!.Hold).IsDuration();
            }
        );
        RuleForEach(s => s.Checks)
            .ChildRules(check =>
            {
                check
                    .RuleFor(c => c)
                    .Must(c =>
                        new object?[] { c.SuccessRate, c.Errors, c.Latency, c.Capacity, c.Prometheus, c.Webhook }.Count(kind =>
                            kind is not null
                        ) == 1
                    )
                    .WithMessage("set exactly one of successRate, errors, latency, capacity, prometheus and webhook");
                check.RuleFor(c => c.Prometheus!).SetValidator(new PrometheusCheckValidator()).When(c => c.Prometheus is not null);
                check.RuleFor(c => c.Webhook!).SetValidator(new WebhookCheckValidator()).When(c => c.Webhook is not null);
                check
                    .RuleFor(c => c.SuccessRate!.Min)
                    .Must(min => min is >= 0 and <= 99.999)
                    .When(c => c.SuccessRate is not null)
                    .WithMessage((_, min) => Text($"{min} is not a rate that can be missed; use percent, 0 to 99.999"));
                check
                    .RuleFor(c => c.Errors!.MaxRatio)
                    .Must(ratio => ratio is >= 1 and <= 1000)
                    .When(c => c.Errors is not null)
                    .WithMessage((_, ratio) => Text($"{ratio} is not a ratio; use a number from 1 to 1000"));
                check
                    .RuleFor(c => c.Capacity!.MinRatio)
                    .Must(ratio => ratio is >= 0.01 and <= 100)
                    .When(c => c.Capacity is not null)
                    .WithMessage(
                        (_, ratio) => Text($"{ratio} is not a part of the endpoints that a share needs; use a number from 0.01 to 100")
                    );
                check.RuleFor(c => c.Latency!).SetValidator(new LatencyValidator()).When(c => c.Latency is not null);
            });
        When(
            s => s.Require is not null,
            () =>
            {
                RuleFor(s => s.Require!.RequestsPerStep)
                    .InclusiveBetween(1, 100_000_000)
                    .WithMessage((_, requests) => $"{requests} is not a number of requests; use 1 to 100000000");
                RuleFor(s => s.Require!.Timeout).IsDuration();
            }
        );
        RuleForEach(s => s.Windows).SetValidator(new WindowValidator());
    }

    private static string? FindFalling(List<ShiftStep> steps)
    {
        for (var i = 1; i < steps.Count; i++)
        {
            if (steps[i].Weight <= steps[i - 1].Weight)
                return Text($"the weight {steps[i].Weight} follows {steps[i - 1].Weight}");
        }

        return null;
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private sealed class LatencyValidator : AbstractValidator<LatencyCheck>
    {
        public LatencyValidator()
        {
            RuleFor(c => c.Percentile)
                .Must(percentile => percentile is >= 50 and <= 99.9)
                .WithMessage((_, percentile) => Text($"{percentile} is not a percentile that can be compared; use 50 to 99.9"));
            RuleFor(c => c.MaxRatio)
                .Must(ratio => ratio is >= 1.1 and <= 1000)
                .WithMessage((_, ratio) => Text($"{ratio} is not a ratio that proxies can measure; use a number from 1.1 to 1000"));
            RuleFor(c => c.IgnoreBelow).IsDuration();
        }
    }

    private sealed class WindowValidator : AbstractValidator<ShiftWindow>
    {
        public WindowValidator()
        {
            RuleFor(w => w.Cron)
                .Must(cron => CronExpression.TryParse(cron, out _))
                .WithMessage((_, cron) => $"'{cron}' is not a cron expression of five fields; write for example 0 8 * * 1-5");
            RuleFor(w => w.Duration)
                .Must(text => MeshDuration.TryParse(text, out var duration) && duration > TimeSpan.Zero)
                .WithMessage((_, text) => $"'{text}' is not how long a window is open; write a duration above 0, for example 8h");
            RuleFor(w => w.TimeZone)
                .Must(zone => TimeZoneInfo.TryFindSystemTimeZoneById(zone, out _))
                .WithMessage((_, zone) => $"'{zone}' is not a time zone of the IANA database; write for example Europe/Berlin");
        }
    }
}
