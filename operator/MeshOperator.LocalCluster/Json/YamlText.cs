using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace MeshOperator.LocalCluster.Json;

/// <summary>Reads one YAML document the way sigs.k8s.io/yaml does: as the JSON it stands for.</summary>
internal static class YamlText
{
    private const int MaxNodes = 500_000;

    /// <summary>Decodes the first document of a YAML (or JSON) text.</summary>
    /// <exception cref="JsonException">The text is not YAML, or it is unreasonably large or deep.</exception>
    public static JsonNode? Decode(string yaml, ICollection<string>? duplicates = null)
    {
        try
        {
            var parser = new Parser(new StringReader(yaml));
            parser.Consume<StreamStart>();
            if (!parser.TryConsume<DocumentStart>(out _)) return null;
            return new Reading(parser, duplicates).Node("", 0);
        }
        catch (YamlException e)
        {
            throw new JsonException($"yaml: line {e.Start.Line}: {e.Message}", e);
        }
    }

    private sealed class Reading(Parser parser, ICollection<string>? duplicates)
    {
        private readonly Dictionary<AnchorName, JsonNode?> _anchors = [];
        private int _nodes;

        public JsonNode? Node(string path, int depth)
        {
            if (depth > JsonText.MaxDepth || ++_nodes > MaxNodes) throw new JsonException("yaml: document is too deep or too large");
            if (parser.TryConsume<AnchorAlias>(out var alias))
            {
                if (!_anchors.TryGetValue(alias.Value, out var target)) throw new JsonException($"yaml: unknown anchor '{alias.Value}' referenced");
                _nodes += Size(target);
                return target?.DeepClone();
            }

            if (parser.TryConsume<Scalar>(out var scalar)) return Remember(scalar.Anchor, Scalar(scalar));
            if (parser.TryConsume<SequenceStart>(out var sequence))
            {
                var items = new JsonArray();
                while (!parser.TryConsume<SequenceEnd>(out _)) items.Add(Node($"{path}[{items.Count}]", depth + 1));
                return Remember(sequence.Anchor, items);
            }

            var mapping = parser.Consume<MappingStart>();
            var fields = new JsonObject();
            while (!parser.TryConsume<MappingEnd>(out _))
            {
                var key = parser.Consume<Scalar>().Value;
                var child = path.Length == 0 ? key : $"{path}.{key}";
                var value = Node(child, depth + 1);
                if (key == "<<" && value is JsonObject merged)
                {
                    foreach (var (name, inherited) in merged)
                        if (!fields.ContainsKey(name)) fields[name] = inherited?.DeepClone();
                    continue;
                }

                if (fields.ContainsKey(key)) duplicates?.Add(child);
                fields[key] = value;
            }

            return Remember(mapping.Anchor, fields);
        }

        private JsonNode? Remember(AnchorName anchor, JsonNode? node)
        {
            if (!anchor.IsEmpty) _anchors[anchor] = node?.DeepClone();
            return node;
        }

        private static int Size(JsonNode? node) => node switch
        {
            JsonObject fields => 1 + fields.Sum(field => Size(field.Value)),
            JsonArray items => 1 + items.Sum(Size),
            _ => 1,
        };

        private static JsonValue? Scalar(Scalar scalar)
        {
            var text = scalar.Value;
            if (scalar.Style is not (ScalarStyle.Plain or ScalarStyle.Any) || scalar.Tag == "tag:yaml.org,2002:str") return JsonValue.Create(text);
            switch (text)
            {
                case "" or "~" or "null" or "Null" or "NULL":
                    return null;
                case "true" or "True" or "TRUE" or "yes" or "Yes" or "on" or "On":
                    return JsonValue.Create(true);
                case "false" or "False" or "FALSE" or "no" or "No" or "off" or "Off":
                    return JsonValue.Create(false);
            }

            if (!char.IsAsciiDigit(text[0]) && text[0] is not ('-' or '+' or '.')) return JsonValue.Create(text);
            if (text.StartsWith("0x", StringComparison.Ordinal) && long.TryParse(text.AsSpan(2), NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var hex))
                return JsonValue.Create(hex);
            if (text.Length > 1 && text[0] == '0' && text.All(c => c is >= '0' and <= '7')) return JsonValue.Create(Convert.ToInt64(text, 8));
            if (long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var integer)) return JsonValue.Create(integer);
            const NumberStyles real = NumberStyles.AllowLeadingSign | NumberStyles.AllowDecimalPoint | NumberStyles.AllowExponent;
            return double.TryParse(text, real, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number)
                ? JsonValue.Create(number)
                : JsonValue.Create(text);
        }
    }
}
