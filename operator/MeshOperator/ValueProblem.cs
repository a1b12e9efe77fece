using System.Text.RegularExpressions;

namespace MeshOperator;

/// <summary>Says that an option's value has the wrong form, without the name of a type.</summary>
internal static partial class ValueProblem
{
    /// <summary>Replaces the library's sentences about types in a text.</summary>
    public static string Reword(string text) =>
        Sentence()
            .Replace(
                text,
                match => $"{match.Groups["option"].Value}: '{match.Groups["value"].Value}' is not {WordFor(match.Groups["type"].Value)}."
            );

    private static string WordFor(string type) =>
        type switch
        {
            "System.Int32" or "System.Int64" => "a whole number",
            "System.Double" => "a number",
            "System.Boolean" => "true or false",
            "System.Uri" => "a URL",
            _ => "one of its values",
        };

    [GeneratedRegex(
        @"Cannot parse argument '(?<value>[^']*)' for option '(?<option>[^']*)' as expected type '(?<type>[^']*)'\.?",
        RegexOptions.CultureInvariant
    )]
    private static partial Regex Sentence();
}
