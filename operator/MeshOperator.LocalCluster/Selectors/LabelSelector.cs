using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Json;

namespace MeshOperator.LocalCluster.Selectors;

/// <summary>A label selector, from a query parameter or from an object's matchLabels and matchExpressions.</summary>
internal sealed partial class LabelSelector
{
    public static readonly LabelSelector Everything = new();
    private readonly List<Func<IReadOnlyDictionary<string, string>, bool>> _requirements = [];

    public bool IsEmpty => _requirements.Count == 0;

    /// <exception cref="ApiException">400: the text is no selector.</exception>
    public static LabelSelector Parse(string? text)
    {
        if (string.IsNullOrWhiteSpace(text))
            return Everything;
        var selector = new LabelSelector();
        var at = 0;
        while (at < text.Length)
        {
            var match = Requirement().Match(text, at);
            if (!match.Success || match.Index != at || match.Length == 0)
                throw ApiError.BadRequest($"unable to parse requirement: found '{text[at..]}', expected: a label selector requirement");
            selector.Add(match);
            at += match.Length;
            if (at >= text.Length)
                break;
            if (text[at] != ',')
                throw ApiError.BadRequest($"unable to parse requirement: found '{text[at..]}', expected: ',' or 'end of string'");
            at++;
        }

        return selector;
    }

    /// <summary>A metav1.LabelSelector. Null selects nothing, an empty one everything.</summary>
    public static LabelSelector FromJson(JsonNode? json)
    {
        var selector = new LabelSelector();
        if (json is null)
        {
            selector._requirements.Add(_ => false);
            return selector;
        }

        foreach (var (key, value) in json.Object("matchLabels").StringMap())
            selector._requirements.Add(labels => labels.TryGetValue(key, out var actual) && actual == value);
        foreach (var expression in json.Objects("matchExpressions"))
            selector.Add(expression.Text("key") ?? "", expression.Text("operator") ?? "", [.. expression.Texts("values")]);
        return selector;
    }

    /// <summary>Whether labels have all pairs of a plain selector such as a Service's.</summary>
    public static bool Covers(IReadOnlyDictionary<string, string> pairs, IReadOnlyDictionary<string, string> labels)
    {
        if (pairs.Count > labels.Count)
            return false;
        foreach (var (key, value) in pairs)
            if (!labels.TryGetValue(key, out var actual) || actual != value)
                return false;
        return true;
    }

    public bool Matches(IReadOnlyDictionary<string, string> labels)
    {
        foreach (var requirement in _requirements)
            if (!requirement(labels))
                return false;
        return true;
    }

    private void Add(Match match)
    {
        var key = match.Groups["key"].Value;
        var values = match.Groups["values"].Value.Split(',', StringSplitOptions.TrimEntries);
        if (match.Groups["not"].Success)
            Add(key, "DoesNotExist", []);
        else if (match.Groups["in"].Success)
            Add(key, match.Groups["in"].Value == "in" ? "In" : "NotIn", values);
        else if (!match.Groups["op"].Success)
            Add(key, "Exists", []);
        else
            Add(key, match.Groups["op"].Value == "!=" ? "NotIn" : "In", [match.Groups["value"].Value]);
    }

    private void Add(string key, string @operator, string[] values)
    {
        var set = values.ToHashSet(StringComparer.Ordinal);
        _requirements.Add(
            @operator switch
            {
                "In" => labels => labels.TryGetValue(key, out var value) && set.Contains(value),
                "NotIn" => labels => !labels.TryGetValue(key, out var value) || !set.Contains(value),
                "Exists" => labels => labels.ContainsKey(key),
                "DoesNotExist" => labels => !labels.ContainsKey(key),
                _ => throw ApiError.BadRequest($"\"{@operator}\" is not a valid label selector operator"),
            }
        );
    }

    [GeneratedRegex(
        @"\G\s*(?:(?<not>!)\s*(?<key>[A-Za-z0-9][-A-Za-z0-9_./]*)"
            + @"|(?<key>[A-Za-z0-9][-A-Za-z0-9_./]*)(?:\s+(?<in>in|notin)\s*\((?<values>[^()]*)\)"
            + @"|\s*(?<op>==|=|!=)\s*(?<value>[-A-Za-z0-9_.]*))?)\s*"
    )]
    private static partial Regex Requirement();
}
