using System.Globalization;
using System.Text;
using MeshOperator.Mesh.Model;

namespace MeshOperator.Xds.Translation.Shared;

/// <summary>RE2 expressions for paths as they are sent, which is how the application gets them. Servers do not agree on what a path
/// means: encoded letters, doubled slashes, backslashes, dot segments, parameters behind a semicolon, case. What denies or counts must
/// match whatever a common server may take for the path; what allows must not.</summary>
internal static class PathPatterns
{
    /// <summary>A percent sign, encoded any number of times.</summary>
    private const string Percent = "%(?:25)*";
    private const string Slash = $@"(?:[/\\]|{Percent}(?:2f|5c))";
    private const string Dot = $@"(?:\.|{Percent}2e)";

    /// <summary>What some servers cut off an element of a path: parameters, or all from a zero byte on.</summary>
    private const string Parameters = $@"(?:(?:;|{Percent}(?:3b|00))[^/\\?#]*)?";
    private const string Separator = $"{Parameters}{Slash}(?:{Dot}?{Parameters}{Slash})*";
    private const string End = $"{Parameters}(?:{Slash}{Dot}?{Parameters})*";
    private const string Rest = "[^?#]*";

    /// <summary>Elements that lead upwards can lead from any path to any other.</summary>
    private const string Upwards = $"{Rest}{Slash}{Dot}{{2}}{Parameters}(?:{Slash}{Rest})?";

    /// <summary>Matches a path with something in it that servers read in different ways. One that has none of it means what it
    /// says.</summary>
    public const string Ambiguous = $@"(?is)(?:{Rest}(?:\\|//|{Percent}(?:2f|5c|00)){Rest}|{Rest}/{Dot}{{1,2}}{Parameters}(?:/{Rest})?)";

    /// <summary>Matches what a server may take for a path that is <paramref name="path"/>, or begins with it.</summary>
    /// <param name="path">The path, exact or a prefix, decoded or not.</param>
    /// <param name="elements">Whether a prefix ends with a whole element of a path, or anywhere.</param>
    public static string MayBe(StringMatch path, bool elements)
    {
        var text = path.Value;
        var isPrefix = path.Kind is StringMatchKind.Prefix;
        var trimmed = text.TrimEnd('/');
        var ending =
            !isPrefix ? End
            : elements || text.Length > trimmed.Length ? $"{Parameters}(?:{Slash}{Rest})?"
            : Rest;
        return $"(?is)(?:{Letters(trimmed)}{ending}|{Upwards})";
    }

    /// <summary>The same for the pseudo-header of the path, which has the query too.</summary>
    public static string MayBeBeforeQuery(StringMatch path, bool elements) => MayBe(path, elements) + "(?:[?#].*)?";

    private static string Letters(string path)
    {
        var expression = new StringBuilder();
        foreach (var letter in Uri.UnescapeDataString(path).EnumerateRunes())
        {
            if (letter.Value == '/')
            {
                expression.Append(Separator);
                continue;
            }

            var text = letter.ToString();
            expression.Append("(?:").Append(MatchBuilder.Quote(text)).Append('|');
            foreach (var unit in Encoding.UTF8.GetBytes(text))
                expression.Append(CultureInfo.InvariantCulture, $"{Percent}{unit:x2}");
            expression.Append(')');
        }

        return expression.ToString();
    }
}
