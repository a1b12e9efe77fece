using System.Text;
using System.Text.RegularExpressions;

namespace MeshOperator.LocalCluster.Schemas;

/// <summary>Compiles a pattern with the meaning it has in Go's RE2: `$` is the very end, `\d`, `\w` and `\s` are ASCII.</summary>
internal static class GoPattern
{
    private static readonly TimeSpan Limit = TimeSpan.FromSeconds(1);

    /// <exception cref="ArgumentException">The pattern is not one that RE2 knows.</exception>
    public static Regex Compile(string pattern)
    {
        try
        {
            return new Regex(Translate(pattern), RegexOptions.CultureInvariant | RegexOptions.NonBacktracking, Limit);
        }
        catch (NotSupportedException e)
        {
            throw new ArgumentException(e.Message, nameof(pattern), e);
        }
    }

    private static string Translate(string pattern)
    {
        var text = new StringBuilder(pattern.Length + 8);
        var inClass = false;
        for (var i = 0; i < pattern.Length; i++)
        {
            var c = pattern[i];
            if (c == '\\' && i + 1 < pattern.Length)
            {
                var escaped = pattern[++i];
                text.Append(
                    escaped switch
                    {
                        'd' => inClass ? "0-9" : "[0-9]",
                        'w' => inClass ? "0-9A-Za-z_" : "[0-9A-Za-z_]",
                        's' => inClass ? @"\t\n\f\r " : @"[\t\n\f\r ]",
                        'D' when !inClass => "[^0-9]",
                        'W' when !inClass => "[^0-9A-Za-z_]",
                        'S' when !inClass => @"[^\t\n\f\r ]",
                        _ => $"\\{escaped}",
                    }
                );
                continue;
            }

            if (c == '[' && !inClass)
            {
                inClass = true;
                text.Append(c);
                if (i + 1 < pattern.Length && pattern[i + 1] == '^')
                    text.Append(pattern[++i]);
                if (i + 1 < pattern.Length && pattern[i + 1] == ']')
                {
                    text.Append("\\]");
                    i++;
                }

                continue;
            }

            if (c == ']')
                inClass = false;
            text.Append(
                c == '$' && !inClass ? @"\z"
                : c == '[' ? @"\["
                : c.ToString()
            );
        }

        return text.ToString();
    }
}
