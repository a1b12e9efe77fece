using System.Globalization;
using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Json;

namespace MeshOperator.LocalCluster.Tables;

/// <summary>
/// The part of Kubernetes' JSONPath that printer columns use: fields, quoted fields, indices and ranges, wildcards and
/// filters that compare one field with a literal.
/// </summary>
internal sealed class JsonPath
{
    private readonly List<Func<JsonNode, IEnumerable<JsonNode>>> _steps = [];

    private JsonPath() { }

    /// <exception cref="FormatException">The path is not one of these.</exception>
    public static JsonPath Parse(string text)
    {
        var path = new JsonPath();
        var at = 0;
        if (text.StartsWith('$'))
            at = 1;
        while (at < text.Length)
        {
            switch (text[at])
            {
                case '.' when at + 1 < text.Length && text[at + 1] == '[':
                    at++;
                    break;
                case '.':
                    var name = Name(text, ref at);
                    if (name == "*")
                        path._steps.Add(All);
                    else if (name.Length > 0)
                        path._steps.Add(node => Field(node, name));
                    break;
                case '[':
                    path.Bracket(text, ref at);
                    break;
                default:
                    throw new FormatException($"unexpected '{text[at]}' in JSONPath {text}");
            }
        }

        return path;
    }

    public IEnumerable<JsonNode> Find(JsonNode root)
    {
        IEnumerable<JsonNode> found = [root];
        foreach (var step in _steps)
            found = found.SelectMany(step);
        return found;
    }

    private static string Name(string text, ref int at)
    {
        var name = new System.Text.StringBuilder();
        for (at++; at < text.Length && text[at] is not ('.' or '['); at++)
        {
            if (text[at] == '\\' && at + 1 < text.Length)
                at++;
            name.Append(text[at]);
        }

        return name.ToString();
    }

    private void Bracket(string text, ref int at)
    {
        var end = Closing(text, at);
        var inside = text[(at + 1)..end].Trim();
        at = end + 1;
        if (inside == "*")
        {
            _steps.Add(All);
        }
        else if (inside.StartsWith("?(", StringComparison.Ordinal) && inside.EndsWith(')'))
        {
            var filter = Filter(inside[2..^1].Trim());
            _steps.Add(node => All(node).Where(filter));
        }
        else if (inside.Length >= 2 && inside[0] is '\'' or '"')
        {
            var name = inside[1..^1];
            _steps.Add(node => Field(node, name));
        }
        else if (int.TryParse(inside, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var index))
        {
            _steps.Add(node =>
                node is JsonArray items && items.ElementAtOrDefault(index < 0 ? items.Count + index : index) is { } item ? [item] : []
            );
        }
        else if (inside.Split(':') is [var from, var to])
        {
            var start = from.Length == 0 ? 0 : int.Parse(from, CultureInfo.InvariantCulture);
            var stop = to.Length == 0 ? int.MaxValue : int.Parse(to, CultureInfo.InvariantCulture);
            _steps.Add(node => All(node).Skip(start).Take(stop - start));
        }
        else
        {
            throw new FormatException($"cannot read [{inside}] in JSONPath {text}");
        }
    }

    private static int Closing(string text, int at)
    {
        var quote = '\0';
        for (var i = at + 1; i < text.Length; i++)
        {
            if (quote != '\0')
            {
                if (text[i] == quote)
                    quote = '\0';
            }
            else if (text[i] is '\'' or '"')
            {
                quote = text[i];
            }
            else if (text[i] == ']')
            {
                return i;
            }
        }

        throw new FormatException($"unterminated [ in JSONPath {text}");
    }

    private static Func<JsonNode, bool> Filter(string text)
    {
        foreach (var comparison in new[] { "==", "!=", ">=", "<=", ">", "<" })
        {
            var at = text.IndexOf(comparison, StringComparison.Ordinal);
            if (at < 0)
                continue;
            var path = Parse(text[..at].Trim().TrimStart('@'));
            var literal = text[(at + comparison.Length)..].Trim().Trim('\'', '"');
            return node => path.Find(node).FirstOrDefault() is { } value && Holds(Text(value), comparison, literal);
        }

        var existing = Parse(text.TrimStart('@'));
        return node => existing.Find(node).Any();
    }

    private static bool Holds(string left, string comparison, string right)
    {
        var order =
            double.TryParse(left, CultureInfo.InvariantCulture, out var a)
            && double.TryParse(right, CultureInfo.InvariantCulture, out var b)
                ? a.CompareTo(b)
                : string.CompareOrdinal(left, right);
        return comparison switch
        {
            "==" => order == 0,
            "!=" => order != 0,
            ">=" => order >= 0,
            "<=" => order <= 0,
            ">" => order > 0,
            _ => order < 0,
        };
    }

    /// <summary>A value as JSONPath prints it.</summary>
    public static string Text(JsonNode value) => value.AsText() ?? JsonText.EncodeText(value);

    private static IEnumerable<JsonNode> Field(JsonNode node, string name) =>
        node is JsonObject fields && fields[name] is { } value ? [value] : [];

    private static IEnumerable<JsonNode> All(JsonNode node) =>
        node switch
        {
            JsonArray items => items.OfType<JsonNode>(),
            JsonObject fields => fields.Select(field => field.Value).OfType<JsonNode>(),
            _ => [],
        };
}
