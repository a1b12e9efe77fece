using System.Globalization;
using System.Text.RegularExpressions;
using FluentValidation;
using MeshOperator.Api.Validation;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Api.Policies;

/// <summary>Rules that several policies share. Messages begin with the field's path and end with what to do.</summary>
internal static partial class PolicyRules
{
    public static IRuleBuilderOptions<T, string?> IsDuration<T>(this IRuleBuilder<T, string?> rule) =>
        rule.Must(text => text is null || MeshDuration.TryParse(text, out _))
            .WithMessage((_, text) => $"'{text}' {DurationAttribute.Message}");

    public static IRuleBuilderOptions<T, string?> IsDurationAboveZero<T>(this IRuleBuilder<T, string?> rule) =>
        rule.IsDuration()
            .Must(text => !MeshDuration.TryParse(text, out var duration) || duration > TimeSpan.Zero)
            .WithMessage((_, text) => $"'{text}' is not above 0; write for example 10s");

    public static IRuleBuilderOptions<T, int?> IsAtLeast<T>(this IRuleBuilder<T, int?> rule, int least) =>
        rule.Must(number => number is null || number >= least).WithMessage((_, number) => $"{number} is too small; use at least {least}");

    public static IRuleBuilderOptions<T, int> IsAtLeast<T>(this IRuleBuilder<T, int> rule, int least) =>
        rule.Must(number => number >= least).WithMessage((_, number) => $"{number} is too small; use at least {least}");

    /// <summary>1 to 16 targets of the <paramref name="kinds"/>, each once.</summary>
    public static IRuleBuilderOptions<T, List<PolicyTargetReference>> AreTargets<T>(
        this IRuleBuilder<T, List<PolicyTargetReference>> rule,
        params PolicyTargetKind[] kinds
    ) =>
        rule.Must(targets => targets.Count is >= 1 and <= 16)
            .WithMessage("the list must have 1 to 16 targets")
            .Must(targets => targets.FirstTwice(Describe) is null)
            .WithMessage((_, targets) => $"{targets.FirstTwice(Describe)} is listed twice; remove one of the two")
            .Must(targets => targets.TrueForAll(t => t.Name.Length > 0))
            .WithMessage("a target has no name; set its name")
            .Must(targets => targets.TrueForAll(t => kinds.Contains(t.Kind)))
            .WithMessage($"a target must be a {string.Join(" or ", kinds)}")
            .Must(targets => targets.TrueForAll(HasItsGroup))
            .WithMessage(
                (_, targets) =>
                {
                    var wrong = targets.First(target => !HasItsGroup(target));
                    return $"{Describe(wrong)} is not of the group '{wrong.Group}'; write '{GroupFor(wrong.Kind)}', or omit the group";
                }
            );

    /// <summary>The first name that comes twice; items without one do not count.</summary>
    public static string? FirstTwice<T>(this IEnumerable<T> items, Func<T, string?> nameItem) =>
        items.Select(nameItem).OfType<string>().CountBy(name => name).FirstOrDefault(name => name.Value > 1).Key;

    public static IRuleBuilderOptions<T, string> IsServiceName<T>(this IRuleBuilder<T, string> rule) =>
        rule.Must(name => name is { Length: > 0 and <= ServiceNames.Longest } && ServiceName().IsMatch(name))
            .WithMessage(
                (_, name) =>
                    $"'{name}' is not the name of a service; use at most 63 lower-case letters, digits and '-', beginning with a letter"
            );

    public static IRuleBuilderOptions<T, int?> IsPort<T>(this IRuleBuilder<T, int?> rule) =>
        rule.Must(port => port is null or (>= 1 and <= 65535))
            .WithMessage((_, port) => $"{port} is not a port; use a number from 1 to 65535");

    public static IRuleBuilderOptions<T, double> IsPercent<T>(this IRuleBuilder<T, double> rule) =>
        rule.Must(percent => percent is >= 0 and <= 100)
            .WithMessage((_, percent) => $"{percent} is not a percentage; use a number from 0 to 100")
            // Proxies count in millionths.
            .Must(percent => percent is <= 0 or >= 0.0001)
            .WithMessage(
                (_, percent) =>
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{percent:0.##########} is below the smallest supported percentage; use 0 or at least 0.0001"
                    )
            );

    /// <summary>A regular expression as proxies read it.</summary>
    public static IRuleBuilderOptionsConditions<T, string> IsExpression<T>(this IRuleBuilder<T, string> rule, string what) =>
        rule.Custom(
            (pattern, context) =>
            {
                if (!Re2Syntax.TryRead(pattern, out var error))
                    context.AddFailure($"{what} '{pattern}' is not a valid RE2 regular expression: {error}");
            }
        );

    /// <summary>An empty list would be read as none, which means all.</summary>
    public static IRuleBuilderOptions<T, List<TItem>?> NamesSomething<T, TItem>(this IRuleBuilder<T, List<TItem>?> rule) =>
        rule.Must(list => list is null or { Count: > 0 })
            .WithMessage("the list is empty; list at least one item, or omit the field to match all");

    /// <summary>A name as headers, cookies and query parameters have it.</summary>
    public static IRuleBuilderOptions<T, string?> IsHeaderName<T>(this IRuleBuilder<T, string?> rule) =>
        rule.Must(name => name is null || HeaderName().IsMatch(name))
            .WithMessage((_, name) => $"'{name}' is not a valid name; use letters, digits and !#$%&'*+-.^_|~");

    /// <summary>A header whose value proxies read, where some characters of names have a meaning.</summary>
    public static IRuleBuilderOptions<T, string?> IsReadableHeader<T>(this IRuleBuilder<T, string?> rule) =>
        rule.Must(name => name is null || ReadableHeader().IsMatch(name))
            .WithMessage((_, name) => $"'{name}' is not supported as a header here; use one with letters, digits, '-' and '_' only");

    /// <summary>Proxies refuse everything that a value with a line break comes in.</summary>
    public static IRuleBuilderOptions<T, string> IsOneLine<T>(this IRuleBuilder<T, string> rule, string owner) =>
        rule.Must(value => !value.AsSpan().ContainsAny('\r', '\n', '\0'))
            .WithMessage(
                (_, value) =>
                    value.Contains('\0', StringComparison.Ordinal)
                        ? $"{owner}'s value contains a NUL character; remove it"
                        : $"{owner}'s value contains a line break; in YAML write it on one line, or use |-"
            );

    /// <summary>Whether a path goes on with a query or fragment. Proxies compare paths without them: with one it would never
    /// match.</summary>
    public static bool HasQuery(string path) => path.AsSpan().ContainsAny('?', '#');

    private static bool HasItsGroup(PolicyTargetReference target) => target.Group is null || target.Group == GroupFor(target.Kind);

    private static string GroupFor(PolicyTargetKind kind) => kind is PolicyTargetKind.Service ? string.Empty : MeshNames.Group;

    private static string Describe(PolicyTargetReference target) =>
        $"{target.Kind} '{target.Name}'" + (target.SectionName is { } section ? $", section '{section}'," : string.Empty);

    [GeneratedRegex($@"^{HttpHeader.NameCharacters}\z", RegexOptions.CultureInvariant)]
    private static partial Regex HeaderName();

    [GeneratedRegex(@"^[A-Za-z0-9_-]+\z", RegexOptions.CultureInvariant)]
    private static partial Regex ReadableHeader();

    [GeneratedRegex(ServiceNames.Pattern)]
    private static partial Regex ServiceName();
}
