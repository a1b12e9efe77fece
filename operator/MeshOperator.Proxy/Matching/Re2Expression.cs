using System.Collections.Concurrent;
using System.Text;
using System.Text.RegularExpressions;

namespace MeshOperator.Proxy.Matching;

/// <summary>RE2 expressions as .NET's, which match without backtracking as well. What .NET reads in another way is rewritten.</summary>
internal static class Re2Expression
{
    private static readonly ConcurrentDictionary<string, Regex> Compiled = new(StringComparer.Ordinal);

    private static readonly Dictionary<string, string> PosixClasses = new(StringComparer.Ordinal)
    {
        ["[:alnum:]"] = "0-9A-Za-z",
        ["[:alpha:]"] = "A-Za-z",
        ["[:ascii:]"] = @"\x00-\x7F",
        ["[:blank:]"] = @"\t ",
        ["[:cntrl:]"] = @"\x00-\x1F\x7F",
        ["[:digit:]"] = "0-9",
        ["[:graph:]"] = "!-~",
        ["[:lower:]"] = "a-z",
        ["[:print:]"] = " -~",
        ["[:punct:]"] = @"!-/:-@\[-`{-~",
        ["[:space:]"] = @"\t\n\v\f\r ",
        ["[:upper:]"] = "A-Z",
        ["[:word:]"] = "0-9A-Za-z_",
        ["[:xdigit:]"] = "0-9A-Fa-f",
    };

    /// <summary>An expression that matches the whole of a text.</summary>
    /// <exception cref="ArgumentException">The expression is none, or has something that .NET lacks.</exception>
    public static Regex WholeText(string expression) =>
        Compiled.GetOrAdd(
            expression,
            static text =>
            {
                try
                {
                    return new Regex(
                        $@"\A(?:{Rewrite(text)})\z",
                        RegexOptions.NonBacktracking | RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture
                    );
                }
                catch (Exception exception) when (exception is ArgumentException or NotSupportedException)
                {
                    throw new ArgumentException(
                        $"the built-in proxy does not support the expression {text}, as .NET cannot read it: {exception.Message}",
                        exception
                    );
                }
            }
        );

    private static string Rewrite(string expression)
    {
        var output = new StringBuilder(expression.Length);
        var isClass = false;
        for (var i = 0; i < expression.Length; i++)
        {
            var rest = expression.AsSpan(i);
            if (rest.StartsWith(@"\Q"))
            {
                var end = expression.IndexOf(@"\E", i + 2, StringComparison.Ordinal);
                output.Append(Regex.Escape(end < 0 ? expression[(i + 2)..] : expression[(i + 2)..end]));
                i = end < 0 ? expression.Length : end + 1;
            }
            else if (rest[0] == '\\' && rest.Length > 1)
            {
                output.Append(Escape(rest[1], isClass));
                i++;
            }
            else if (isClass && rest.StartsWith("[:^"))
            {
                throw new ArgumentException("a class cannot contain the opposite of another");
            }
            else if (isClass && PosixClass(rest) is { } name)
            {
                output.Append(PosixClasses[name]);
                i += name.Length - 1;
            }
            else if (!isClass && rest.StartsWith("(?P<"))
            {
                output.Append("(?<");
                i += 3;
            }
            else
            {
                // A bracket that closes a class has no meaning of its own as the first in one.
                var isFirst = i > 0 && (expression[i - 1] == '[' || (expression[i - 1] == '^' && i > 1 && expression[i - 2] == '['));
                if (isClass && rest[0] == '[')
                    output.Append('\\');
                if (rest[0] == '[')
                    isClass = true;
                else if (rest[0] == ']' && !isFirst)
                    isClass = false;
                output.Append(rest[0]);
            }
        }

        return output.ToString();
    }

    private static string? PosixClass(ReadOnlySpan<char> text)
    {
        foreach (var name in PosixClasses.Keys)
        {
            if (text.StartsWith(name))
                return name;
        }

        return null;
    }

    /// <summary>Those of RE2 know ASCII only.</summary>
    private static string Escape(char letter, bool isClass) =>
        (letter, isClass) switch
        {
            ('d', true) => "0-9",
            ('w', true) => "0-9A-Za-z_",
            ('s', true) => @"\t\n\f\r ",
            ('d', false) => "[0-9]",
            ('w', false) => "[0-9A-Za-z_]",
            ('s', false) => @"[\t\n\f\r ]",
            ('D', false) => "[^0-9]",
            ('W', false) => "[^0-9A-Za-z_]",
            ('S', false) => @"[^\t\n\f\r ]",
            _ => $"\\{letter}",
        };
}
