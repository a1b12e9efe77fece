using System.Globalization;
using System.Text.RegularExpressions;
using FluentValidation;
using MeshOperator.Api.Validation;

namespace MeshOperator.Api.Policies;

/// <summary>Rules that several policies share. Messages begin with the field's path and end with what to do.</summary>
internal static partial class PolicyRules
{
    public static IRuleBuilderOptions<T, string?> IsDuration<T>(this IRuleBuilder<T, string?> rule) => rule
        .Must(text => text is null || MeshDuration.TryParse(text, out _))
        .WithMessage((_, text) => $"'{text}' is no duration: write for example 500ms, 10s or 1m30s");

    public static IRuleBuilderOptions<T, string?> IsDurationAboveZero<T>(this IRuleBuilder<T, string?> rule) => rule
        .IsDuration()
        .Must(text => !MeshDuration.TryParse(text, out var duration) || duration > TimeSpan.Zero).WithMessage("it must be above 0");

    public static IRuleBuilderOptions<T, int?> IsAtLeast<T>(this IRuleBuilder<T, int?> rule, int least) => rule
        .Must(number => number is null || number >= least)
        .WithMessage((_, number) => $"{number} is too small: it must be at least {least}");

    public static IRuleBuilderOptions<T, int> IsAtLeast<T>(this IRuleBuilder<T, int> rule, int least) => rule
        .Must(number => number >= least)
        .WithMessage((_, number) => $"{number} is too small: it must be at least {least}");

    /// <summary>1 to 16 targets of the <paramref name="kinds"/>, each once.</summary>
    public static IRuleBuilderOptions<T, List<PolicyTargetReference>> AreTargets<T>(
        this IRuleBuilder<T, List<PolicyTargetReference>> rule, params PolicyTargetKind[] kinds) => rule
        .Must(targets => targets.Count is >= 1 and <= 16).WithMessage("1 to 16 targets must be given")
        .Must(targets => targets.FirstTwice(NameOf) is null).WithMessage((_, targets) => $"the target {targets.FirstTwice(NameOf)} is named twice")
        .Must(targets => targets.TrueForAll(t => t.Name.Length > 0)).WithMessage("a target must have a name")
        .Must(targets => targets.TrueForAll(t => kinds.Contains(t.Kind))).WithMessage($"a target must be a {string.Join(" or ", kinds)}");

    /// <summary>The first name that comes twice; items without one do not count.</summary>
    public static string? FirstTwice<T>(this IEnumerable<T> items, Func<T, string?> nameOf) =>
        items.Select(nameOf).OfType<string>().CountBy(name => name).FirstOrDefault(name => name.Value > 1).Key;

    public static IRuleBuilderOptions<T, string> IsServiceName<T>(this IRuleBuilder<T, string> rule) => rule
        .Must(name => name is { Length: > 0 and <= 63 } && ServiceName().IsMatch(name))
        .WithMessage((_, name) => $"'{name}' is no name of a service: lower-case letters, digits and '-', beginning with a letter, at most 63");

    public static IRuleBuilderOptions<T, int?> IsPort<T>(this IRuleBuilder<T, int?> rule) => rule
        .Must(port => port is null or (>= 1 and <= 65535))
        .WithMessage((_, port) => $"{port} is no port: it must be from 1 to 65535");

    public static IRuleBuilderOptions<T, double> IsPercent<T>(this IRuleBuilder<T, double> rule) => rule
        .Must(percent => percent is >= 0 and <= 100)
        .WithMessage((_, percent) => $"{percent} is no percentage: it must be from 0 to 100")
        // Proxies are told millionths.
        .Must(percent => percent is <= 0 or >= 0.0001)
        .WithMessage((_, percent) => string.Create(
            CultureInfo.InvariantCulture, $"{percent:0.##########} is so little that it comes to nothing: it must be 0, or at least 0.0001"));

    /// <summary>A regular expression as proxies read it.</summary>
    public static IRuleBuilderOptionsConditions<T, string> IsExpression<T>(this IRuleBuilder<T, string> rule, string what) => rule.Custom((pattern, context) =>
    {
        if (!Re2Syntax.TryRead(pattern, out var error)) context.AddFailure($"{what} '{pattern}' is no RE2 expression: {error}");
    });

    /// <summary>An empty list would be read as none, which means all.</summary>
    public static IRuleBuilderOptions<T, List<TItem>?> NamesSomething<T, TItem>(this IRuleBuilder<T, List<TItem>?> rule) => rule
        .Must(list => list is null or { Count: > 0 }).WithMessage("the list is empty: name at least one, or leave the field out to mean all");

    /// <summary>A name as headers, cookies and query parameters have it.</summary>
    public static IRuleBuilderOptions<T, string?> IsHeaderName<T>(this IRuleBuilder<T, string?> rule) => rule
        .Must(name => name is null || HeaderName().IsMatch(name))
        .WithMessage((_, name) => $"'{name}' is no name: write letters, digits and !#$%&'*+-.^_|~");

    /// <summary>Proxies refuse everything that a value with a line break comes in.</summary>
    public static IRuleBuilderOptions<T, string> IsOneLine<T>(this IRuleBuilder<T, string> rule, string owner) => rule
        .Must(value => !value.AsSpan().ContainsAny('\r', '\n', '\0'))
        .WithMessage((_, value) => value.Contains('\0', StringComparison.Ordinal)
            ? $"{owner}'s value cannot hold a NUL"
            : $"{owner}'s value cannot hold a line break: in YAML write it on one line, or with |-");

    /// <summary>Whether a path goes on with a query or fragment. Proxies compare paths without them: with one it would never match.</summary>
    public static bool HasQuery(string path) => path.AsSpan().ContainsAny('?', '#');

    private static string NameOf(PolicyTargetReference target) =>
        $"{target.Kind} '{target.Name}'" + (target.SectionName is { } section ? $", section '{section}'," : string.Empty);

    [GeneratedRegex($@"^{HttpHeader.NameCharacters}\z", RegexOptions.CultureInvariant)]
    private static partial Regex HeaderName();

    [GeneratedRegex("^[a-z]([-a-z0-9]*[a-z0-9])?$")]
    private static partial Regex ServiceName();
}
