using Envoy.Config.Route.V3;
using Microsoft.AspNetCore.Http;

namespace MeshOperator.Proxy.Matching;

/// <summary>A condition on a header (envoy.config.route.v3.HeaderMatcher).</summary>
/// <param name="Name">The header, or a pseudo-header.</param>
/// <param name="Value">The condition on its value; null when it only has to be there, or not.</param>
/// <param name="IsPresent">Whether it has to be there.</param>
internal sealed record HeaderMatch(string Name, TextMatch? Value, bool IsPresent)
{
    /// <summary>Makes one.</summary>
    public static HeaderMatch Create(HeaderMatcher matcher) =>
        Read(matcher) with
        {
            IsInverted = matcher.InvertMatch,
            IsMissingEmpty = matcher.TreatMissingHeaderAsEmpty,
        };

    /// <summary>Whether it holds where the condition does not.</summary>
    public bool IsInverted { get; private init; }

    /// <summary>Whether a header that is not there is as one without a value.</summary>
    public bool IsMissingEmpty { get; private init; }

    private static HeaderMatch Read(HeaderMatcher matcher) =>
        matcher.HeaderMatchSpecifierCase switch
        {
            HeaderMatcher.HeaderMatchSpecifierOneofCase.StringMatch => new(matcher.Name, TextMatch.Create(matcher.StringMatch), true),
            HeaderMatcher.HeaderMatchSpecifierOneofCase.ExactMatch => new(matcher.Name, TextMatch.ForExact(matcher.ExactMatch), true),
            HeaderMatcher.HeaderMatchSpecifierOneofCase.PrefixMatch => new(matcher.Name, TextMatch.ForPrefix(matcher.PrefixMatch), true),
            HeaderMatcher.HeaderMatchSpecifierOneofCase.SafeRegexMatch => new(
                matcher.Name,
                TextMatch.ForExpression(matcher.SafeRegexMatch.Regex),
                true
            ),
            HeaderMatcher.HeaderMatchSpecifierOneofCase.PresentMatch => new(matcher.Name, null, matcher.PresentMatch),
            _ => new(matcher.Name, null, true),
        };

    /// <summary>Whether it holds for a request.</summary>
    public bool IsMatch(RequestView request) => IsMatch(request.Header(Name));

    /// <summary>Whether it holds for headers of a response, of which <paramref name="find"/> gives the value or null.</summary>
    public bool IsMatch(Func<string, string?> find) => IsMatch(find(Name));

    /// <summary>A condition on the value of a header that is not there does not hold, inverted or not.</summary>
    private bool IsMatch(string? value)
    {
        if (Value is null)
            return (value is not null == IsPresent) != IsInverted;
        value ??= IsMissingEmpty ? "" : null;
        return value is not null && Value.IsMatch(value) != IsInverted;
    }
}

/// <summary>A condition on a parameter of the query (envoy.config.route.v3.QueryParameterMatcher).</summary>
/// <param name="Name">The parameter.</param>
/// <param name="Value">The condition on its value; null when it only has to be there, or not.</param>
/// <param name="IsPresent">Whether it has to be there.</param>
internal sealed record QueryMatch(string Name, TextMatch? Value, bool IsPresent)
{
    /// <summary>Makes one.</summary>
    public static QueryMatch Create(QueryParameterMatcher matcher) =>
        matcher.QueryParameterMatchSpecifierCase is QueryParameterMatcher.QueryParameterMatchSpecifierOneofCase.StringMatch
            ? new QueryMatch(matcher.Name, TextMatch.Create(matcher.StringMatch), true)
            : new QueryMatch(matcher.Name, null, !matcher.HasPresentMatch || matcher.PresentMatch);

    /// <summary>Whether it holds for a query, of which the first value of each parameter counts.</summary>
    public bool IsMatch(IQueryCollection query)
    {
        var isPresent = query.TryGetValue(Name, out var values);
        return Value is null ? isPresent == IsPresent : isPresent && Value.IsMatch(values[0] ?? "");
    }
}
