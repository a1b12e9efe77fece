using System.Text.Json;
using System.Text.RegularExpressions;

namespace MeshOperator.Kubernetes.Manifests;

/// <summary>Says what is wrong with JSON in the words of manifests, where the library names types of .NET.</summary>
public static partial class JsonProblem
{
    /// <summary>For people: the field, and what it must be.</summary>
    public static string Describe(Exception problem)
    {
        ArgumentNullException.ThrowIfNull(problem);
        var match = Conversion().Match(problem.Message);
        if (problem is not JsonException json || !match.Success)
            return problem.Message;
        var path = (json.Path ?? string.Empty).TrimStart('$').TrimStart('.');
        return $"{(path.Length > 0 ? path : "the object")}: has the wrong type; write {WordFor(match.Groups["type"].Value)}";
    }

    private static string WordFor(string type)
    {
        var bare = type.Replace("System.Nullable`1[", string.Empty, StringComparison.Ordinal).TrimEnd(']');
        return bare switch
        {
            "System.Boolean" => "true or false",
            "System.Int32" or "System.Int64" => "a whole number",
            "System.Double" or "System.Decimal" => "a number",
            "System.String" => "a text",
            "System.DateTime" or "System.DateTimeOffset" => "a time, for example 2026-12-01T08:00:00Z",
            _ when IsList().IsMatch(type) => "a list",
            _ => "an object",
        };
    }

    [GeneratedRegex(@"could not be converted to (?<type>.+?)\. Path:", RegexOptions.CultureInvariant)]
    private static partial Regex Conversion();

    [GeneratedRegex(@"^System\.Collections\.Generic\.(I?List|IReadOnlyList|IEnumerable)`1|\[\]$", RegexOptions.CultureInvariant)]
    private static partial Regex IsList();
}
