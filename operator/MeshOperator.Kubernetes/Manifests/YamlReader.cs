using System.Globalization;
using System.Text.Json.Nodes;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace MeshOperator.Kubernetes.Manifests;

/// <summary>A YAML document.</summary>
/// <param name="Source">Its text, with the marker before it and the comments.</param>
/// <param name="Line">The line on which its content begins, from 1.</param>
/// <param name="Root">What it stands for; null for an empty one.</param>
public sealed record YamlDocument(string Source, long Line, JsonNode? Root);

/// <summary>Reads YAML (or JSON) as the JSON that it stands for, in the way of Kubernetes (sigs.k8s.io/yaml): YAML 1.1 with merge keys,
/// anchors and tags.</summary>
public static class YamlReader
{
    private const int MostNested = 100;
    private const int MostNodes = 500_000;

    /// <summary>All documents of a text.</summary>
    /// <param name="text">The text.</param>
    /// <param name="duplicates">Gets the paths of keys that are given twice, of which the last counts; where it is null, such a key is an
    /// error.</param>
    /// <exception cref="ManifestException">The text is not YAML, or it is unreasonably large or deep.</exception>
    public static IReadOnlyList<YamlDocument> ReadAll(string text, ICollection<string>? duplicates = null)
    {
        try
        {
            var parser = new Parser(new StringReader(text));
            parser.Consume<StreamStart>();
            var starts = new List<int>();
            var documents = new List<(long Line, JsonNode? Root)>();
            while (parser.TryConsume<DocumentStart>(out var start))
            {
                starts.Add(documents.Count == 0 ? 0 : (int)start.Start.Index);
                var line = parser.Current!.Start.Line;
                documents.Add((line, new Document(parser, duplicates).ReadNode(string.Empty, 0)));
                parser.Consume<DocumentEnd>();
            }

            return
            [
                .. documents.Select(
                    (document, i) =>
                        new YamlDocument(
                            text[starts[i]..(i + 1 < starts.Count ? starts[i + 1] : text.Length)],
                            document.Line,
                            document.Root
                        )
                ),
            ];
        }
        catch (YamlException e)
        {
            throw new ManifestException($"line {e.Start.Line}: not YAML: {e.Message}", e);
        }
    }

    private sealed class Document(Parser parser, ICollection<string>? duplicates)
    {
        private readonly Dictionary<AnchorName, JsonNode?> _anchors = [];
        private int _nodes;

        public JsonNode? ReadNode(string path, int depth)
        {
            var line = parser.Current!.Start.Line;
            // Aliases may nest without end; a manifest does not.
            if (depth > MostNested)
                throw new ManifestException($"line {line}: nested deeper than {MostNested}");
            Count(1, line);
            if (parser.TryConsume<AnchorAlias>(out var alias))
            {
                if (!_anchors.TryGetValue(alias.Value, out var target))
                    throw new ManifestException($"line {line}: the anchor '{alias.Value}' is not defined before");
                Count(Measure(target), line);
                return target?.DeepClone();
            }

            if (parser.TryConsume<Scalar>(out var scalar))
                return Remember(scalar.Anchor, YamlScalars.Read(scalar));
            return parser.TryConsume<SequenceStart>(out var sequence)
                ? Remember(sequence.Anchor, ReadList(path, depth))
                : ReadMap(path, depth);
        }

        private JsonArray ReadList(string path, int depth)
        {
            var items = new JsonArray();
            while (!parser.TryConsume<SequenceEnd>(out _))
                items.Add(ReadNode(string.Create(CultureInfo.InvariantCulture, $"{path}[{items.Count}]"), depth + 1));
            return items;
        }

        private JsonNode? ReadMap(string path, int depth)
        {
            var start = parser.Consume<MappingStart>();
            var map = new JsonObject();
            var given = new HashSet<string>(StringComparer.Ordinal);
            while (!parser.TryConsume<MappingEnd>(out _))
            {
                if (parser.Current is not Scalar key)
                    throw new ManifestException($"line {parser.Current!.Start.Line}: a key is not a string");
                parser.MoveNext();
                if (key is { Value: "<<", Style: ScalarStyle.Plain })
                {
                    Merge(map, ReadNode(path, depth + 1), key.Start.Line);
                    continue;
                }

                var name = ReadName(key);
                var child = path.Length == 0 ? name : $"{path}.{name}";
                if (!given.Add(name))
                {
                    if (duplicates is null)
                        throw new ManifestException($"line {key.Start.Line}: {child} is given twice");
                    duplicates.Add(child);
                }

                map[name] = ReadNode(child, depth + 1);
            }

            return Remember(start.Anchor, map);
        }

        /// <summary>Of several maps the first has precedence. What was given before is replaced, as Kubernetes does.</summary>
        private static void Merge(JsonObject map, JsonNode? merged, long line)
        {
            IEnumerable<JsonNode?> all = merged is JsonArray list ? list.Reverse() : [merged];
            foreach (var one in all)
            {
                if (one is not JsonObject fields)
                    throw new ManifestException($"line {line}: << needs a map, or a list of maps");
                foreach (var (name, value) in fields)
                    map[name] = value?.DeepClone();
            }
        }

        private static string ReadName(Scalar key) =>
            YamlScalars.Read(key) switch
            {
                null => throw new ManifestException($"line {key.Start.Line}: a key is not a string"),
                { } value when value.TryGetValue<string>(out var text) => text,
                { } value when value.TryGetValue<bool>(out var flag) => flag ? "true" : "false",
                { } value => value.ToJsonString(),
            };

        private JsonNode? Remember(AnchorName anchor, JsonNode? node)
        {
            if (!anchor.IsEmpty)
                _anchors[anchor] = node;
            return node;
        }

        private void Count(int nodes, long line)
        {
            _nodes += nodes;
            if (_nodes > MostNodes)
                throw new ManifestException($"line {line}: more than {MostNodes:N0} values");
        }

        private static int Measure(JsonNode? node) =>
            node switch
            {
                JsonObject fields => 1 + fields.Sum(field => Measure(field.Value)),
                JsonArray items => 1 + items.Sum(Measure),
                _ => 1,
            };
    }
}
