using System.Text.RegularExpressions;

namespace MeshOperator.Api.Policies;

/// <summary>What stands for what in the query of a check. The names are those of Flagger's metric templates, and <c>source</c>.</summary>
/// <param name="Name">The TrafficSplit.</param>
/// <param name="Namespace">Its namespace.</param>
/// <param name="Service">Its service.</param>
/// <param name="Target">The backend shifted to.</param>
/// <param name="Source">Those shifted from, separated by <c>|</c>.</param>
/// <param name="Interval">How often the check is asked.</param>
public sealed partial record QueryPlaceholders(string Name, string Namespace, string Service, string Target, string Source, string Interval)
{
    /// <summary>How placeholders are written, for messages.</summary>
    public const string Known = "{{ name }}, {{ namespace }}, {{ service }}, {{ target }}, {{ source }} and {{ interval }}";

    private static readonly QueryPlaceholders None = new("", "", "", "", "", "");

    /// <summary>The first placeholder of a query that stands for nothing; null when there is none.</summary>
    public static string? FindUnknown(string query) =>
        Placeholder().Matches(query).FirstOrDefault(match => None.Find(match.Groups[1].Value) is null)?.Value;

    /// <summary>The query with all placeholders replaced. What stands for them are names of objects, which need no quoting.</summary>
    public string Fill(string query) => Placeholder().Replace(query, match => Find(match.Groups[1].Value) ?? match.Value);

    private string? Find(string placeholder) =>
        placeholder switch
        {
            "name" => Name,
            "namespace" => Namespace,
            "service" => Service,
            "target" => Target,
            "source" => Source,
            "interval" => Interval,
            _ => null,
        };

    [GeneratedRegex(@"\{\{\s*([^{}]*?)\s*\}\}")]
    private static partial Regex Placeholder();
}
