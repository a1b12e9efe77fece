using System.Globalization;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace MeshOperator.Kubernetes.Manifests;

/// <summary>Reads manifests as people write them: one or more YAML (or JSON) documents; a <c>List</c> stands for its items.</summary>
public static partial class ManifestReader
{
    private const int MostNested = 100;

    /// <summary>The objects of a text in their order; empty documents are left out.</summary>
    /// <exception cref="ManifestException">The text is not YAML, or a document is no Kubernetes object.</exception>
    public static IReadOnlyList<JsonObject> Read(string text)
    {
        var stream = new YamlStream();
        try
        {
            stream.Load(new StringReader(text));
        }
        catch (YamlException e)
        {
            throw new ManifestException($"line {e.Start.Line}: not YAML: {e.Message}", e);
        }

        var objects = new List<JsonObject>();
        foreach (var document in stream.Documents)
        {
            var node = ToJson(document.RootNode, 0);
            if (node is null) continue;
            var line = document.RootNode.Start.Line;
            if (node is not JsonObject json || json["kind"] is not JsonValue || json["apiVersion"] is not JsonValue)
                throw new ManifestException($"line {line}: a document lacks apiVersion or kind");
            if (json["items"] is JsonArray items && ((string?)json["kind"])?.EndsWith("List", StringComparison.Ordinal) == true)
                objects.AddRange(items.OfType<JsonObject>().Select(i => (JsonObject)i.DeepClone()));
            else objects.Add(json);
        }

        return objects;
    }

    private static JsonNode? ToJson(YamlNode node, int depth)
    {
        // Aliases may nest without end; a manifest does not.
        if (depth > MostNested) throw new ManifestException($"line {node.Start.Line}: nested deeper than {MostNested}");
        switch (node)
        {
            case YamlMappingNode map:
                var json = new JsonObject();
                foreach (var (key, value) in map.Children)
                {
                    if (key is not YamlScalarNode { Value: { } name }) throw new ManifestException($"line {key.Start.Line}: a key is not a string");
                    json[name] = ToJson(value, depth + 1);
                }

                return json;
            case YamlSequenceNode list:
                return new JsonArray([.. list.Children.Select(item => ToJson(item, depth + 1))]);
            case YamlScalarNode scalar:
                return Scalar(scalar);
            default:
                throw new ManifestException($"line {node.Start.Line}: {node.NodeType} cannot be read");
        }
    }

    /// <summary>YAML's core schema, as Kubernetes reads it: a number that begins with 0 is octal, as file modes are written.</summary>
    private static JsonValue? Scalar(YamlScalarNode scalar)
    {
        var text = scalar.Value ?? string.Empty;
        if (scalar.Style != ScalarStyle.Plain) return JsonValue.Create(text);
        if (text is "" or "~" or "null" or "Null" or "NULL") return null;
        if (text is "true" or "True" or "TRUE") return JsonValue.Create(true);
        if (text is "false" or "False" or "FALSE") return JsonValue.Create(false);
        if (Octal().IsMatch(text)) return JsonValue.Create(Convert.ToInt64(text, 8));
        if (Integer().IsMatch(text) && long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var integer)) return JsonValue.Create(integer);
        if (Decimal().IsMatch(text) && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number)) return JsonValue.Create(number);
        return JsonValue.Create(text);
    }

    [GeneratedRegex("^0[0-7]{1,20}$")]
    private static partial Regex Octal();

    [GeneratedRegex("^[-+]?[0-9]+$")]
    private static partial Regex Integer();

    [GeneratedRegex(@"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$")]
    private static partial Regex Decimal();
}

/// <summary>A manifest cannot be read.</summary>
public sealed class ManifestException : Exception
{
    /// <summary>Says where and why.</summary>
    public ManifestException(string message, Exception? inner = null)
        : base(message, inner)
    {
    }
}
