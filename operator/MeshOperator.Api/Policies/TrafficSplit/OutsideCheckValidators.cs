using System.Globalization;
using FluentValidation;

namespace MeshOperator.Api.Policies;

/// <summary>What a check that asks a Prometheus must fulfil besides its schema.</summary>
internal sealed class PrometheusCheckValidator : AbstractValidator<PrometheusCheck>
{
    public PrometheusCheckValidator()
    {
        RuleFor(c => c.Url).IsCheckUrl();
        RuleFor(c => c.Url)
            .Must(url => !CheckUrl.TryParse(url, out var parsed, out _) || parsed.Url.Query.Length == 0)
            .WithMessage((_, url) => $"'{url}' has a query of its own; leave out ? and what follows, and write the query into query");
        RuleFor(c => c.Query)
            .Must(query => !string.IsNullOrWhiteSpace(query))
            .WithMessage("the query is empty; write PromQL with one number as its answer");
        RuleFor(c => c.Query)
            .Must(query => QueryPlaceholders.FindUnknown(query) is null)
            .WithMessage((_, query) => $"'{QueryPlaceholders.FindUnknown(query)}' stands for nothing; use {QueryPlaceholders.Known}");
        RuleFor(c => c)
            .Must(c => c.Min is not null || c.Max is not null)
            .WithMessage("nothing is compared; set min, max or both")
            .Must(c => Read(c.Min) is not { } min || Read(c.Max) is not { } max || min <= max)
            .WithMessage(c => $"min {c.Min} is above max {c.Max}, so that nothing passes; swap them");
        RuleFor(c => c.Min).Must(IsDecimal).WithMessage(Describe);
        RuleFor(c => c.Max).Must(IsDecimal).WithMessage(Describe);
        RuleFor(c => c.Interval).IsCheckInterval();
        RuleFor(c => c.FailureThreshold).IsFailureThreshold();
    }

    private static bool IsDecimal(string? text) => text is null || Read(text) is not null;

    private static string Describe(PrometheusCheck check, string? text) => $"'{text}' is not a decimal number; write for example 0.02";

    private static decimal? Read(string? text) =>
        decimal.TryParse(text, NumberStyles.AllowDecimalPoint | NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;
}

/// <summary>What a check that asks a webhook must fulfil besides its schema.</summary>
internal sealed class WebhookCheckValidator : AbstractValidator<WebhookCheck>
{
    public WebhookCheckValidator()
    {
        RuleFor(c => c.Url).IsCheckUrl();
        RuleFor(c => c.Metadata)
            .Must(metadata => metadata.Count <= 32 && metadata.All(item => item.Key.Length + item.Value.Length <= 8192))
            .WithMessage("there is too much of it; use at most 32 short texts");
        RuleFor(c => c.Interval).IsCheckInterval();
        RuleFor(c => c.FailureThreshold).IsFailureThreshold();
    }
}

/// <summary>What both have in common.</summary>
internal static class OutsideCheckRules
{
    private static readonly TimeSpan ShortestInterval = TimeSpan.FromSeconds(1);

    public static IRuleBuilderOptions<T, string> IsCheckUrl<T>(this IRuleBuilder<T, string> rule) =>
        rule.Must(url => CheckUrl.TryParse(url, out _, out _))
            .WithMessage((check, url) => CheckUrl.TryParse(url, out var parsed, out var problem) ? string.Empty : problem);

    public static IRuleBuilderOptions<T, string> IsCheckInterval<T>(this IRuleBuilder<T, string> rule) =>
        rule.Must(text => MeshDuration.TryParse(text, out var interval) && interval >= ShortestInterval)
            .WithMessage((_, text) => $"'{text}' is not how often a check is asked; write a duration of at least 1s, for example 30s");

    public static IRuleBuilderOptions<T, int> IsFailureThreshold<T>(this IRuleBuilder<T, int> rule) =>
        rule.InclusiveBetween(1, 100).WithMessage((_, count) => $"{count} is not a number of failed answers; use 1 to 100");
}
