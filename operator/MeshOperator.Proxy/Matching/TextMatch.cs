using Envoy.Type.Matcher.V3;

namespace MeshOperator.Proxy.Matching;

/// <summary>A condition on a text (envoy.type.matcher.v3.StringMatcher).</summary>
internal abstract record TextMatch
{
    /// <summary>Whether it holds.</summary>
    public abstract bool IsMatch(string text);

    /// <summary>Makes one.</summary>
    public static TextMatch Create(StringMatcher matcher)
    {
        var comparison = matcher.IgnoreCase ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal;
        return matcher.MatchPatternCase switch
        {
            StringMatcher.MatchPatternOneofCase.Prefix => new PrefixMatch(matcher.Prefix, comparison),
            StringMatcher.MatchPatternOneofCase.Suffix => new SuffixMatch(matcher.Suffix, comparison),
            StringMatcher.MatchPatternOneofCase.Contains => new ContainsMatch(matcher.Contains, comparison),
            StringMatcher.MatchPatternOneofCase.SafeRegex => ForExpression(matcher.SafeRegex.Regex),
            _ => new ExactMatch(matcher.Exact, comparison),
        };
    }

    /// <summary>The whole text matches an RE2 expression.</summary>
    public static TextMatch ForExpression(string expression) => new ExpressionMatch(Re2Expression.WholeText(expression));

    /// <summary>The text is this one.</summary>
    public static TextMatch ForExact(string text) => new ExactMatch(text, StringComparison.Ordinal);

    /// <summary>The text begins with this one.</summary>
    public static TextMatch ForPrefix(string text) => new PrefixMatch(text, StringComparison.Ordinal);

    private sealed record ExactMatch(string Value, StringComparison Comparison) : TextMatch
    {
        public override bool IsMatch(string text) => text.Equals(Value, Comparison);
    }

    private sealed record PrefixMatch(string Value, StringComparison Comparison) : TextMatch
    {
        public override bool IsMatch(string text) => text.StartsWith(Value, Comparison);
    }

    private sealed record SuffixMatch(string Value, StringComparison Comparison) : TextMatch
    {
        public override bool IsMatch(string text) => text.EndsWith(Value, Comparison);
    }

    private sealed record ContainsMatch(string Value, StringComparison Comparison) : TextMatch
    {
        public override bool IsMatch(string text) => text.Contains(Value, Comparison);
    }

    private sealed record ExpressionMatch(System.Text.RegularExpressions.Regex Expression) : TextMatch
    {
        public override bool IsMatch(string text) => Expression.IsMatch(text);
    }
}
