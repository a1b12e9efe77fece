using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace MeshOperator.Kubernetes.Manifests;

/// <summary>Writes JSON as block-style YAML that keeps its types when it is read again: strings that YAML would read as something
/// else are quoted.</summary>
public static class ManifestYaml
{
    /// <summary>One YAML document, with <c>\n</c> line ends and a line end at the end.</summary>
    public static string Write(JsonNode node)
    {
        using var text = new StringWriter(CultureInfo.InvariantCulture) { NewLine = "\n" };
        var emitter = new Emitter(
            text,
            new EmitterSettings(bestIndent: 2, bestWidth: int.MaxValue, isCanonical: false, maxSimpleKeyLength: 1024)
        );
        emitter.Emit(new StreamStart());
        emitter.Emit(new DocumentStart(null, null, isImplicit: true));
        Emit(emitter, node);
        emitter.Emit(new DocumentEnd(isImplicit: true));
        emitter.Emit(new StreamEnd());
        return text.ToString();
    }

    private static void Emit(Emitter emitter, JsonNode? node)
    {
        switch (node)
        {
            case JsonObject map:
                emitter.Emit(new MappingStart(null, null, isImplicit: true, map.Count == 0 ? MappingStyle.Flow : MappingStyle.Block));
                foreach (var (key, value) in map)
                {
                    emitter.Emit(Text(key));
                    Emit(emitter, value);
                }

                emitter.Emit(new MappingEnd());
                break;
            case JsonArray list:
                emitter.Emit(new SequenceStart(null, null, isImplicit: true, list.Count == 0 ? SequenceStyle.Flow : SequenceStyle.Block));
                foreach (var item in list)
                    Emit(emitter, item);
                emitter.Emit(new SequenceEnd());
                break;
            case JsonValue value when value.GetValueKind() == JsonValueKind.String:
                emitter.Emit(Text(value.GetValue<string>()));
                break;
            default:
                emitter.Emit(new Scalar(node?.ToJsonString() ?? "null"));
                break;
        }
    }

    private static Scalar Text(string text) => new(null, null, text, ChooseStyle(text), isPlainImplicit: true, isQuotedImplicit: true);

    private static ScalarStyle ChooseStyle(string text)
    {
        if (IsBlock(text))
            return ScalarStyle.Literal;
        return YamlScalars.IsOther(text) || IsUnsafe(text) ? ScalarStyle.DoubleQuoted : ScalarStyle.Any;
    }

    /// <summary>Whether a text of several lines can be a block: one that begins with white space, or has characters that YAML writes only
    /// by an escape, cannot.</summary>
    private static bool IsBlock(string text) =>
        text.Contains('\n', StringComparison.Ordinal) && !char.IsWhiteSpace(text[0]) && text.All(c => c is '\n' or '\t' || !IsEscaped(c));

    /// <summary>Whether a text must be in double quotes: what some readers take for a number, and what YAML writes only by an
    /// escape.</summary>
    private static bool IsUnsafe(string text) =>
        char.IsAsciiDigit(text[0])
        || text[0] is '-' or '+' or '='
        || (text[0] == '.' && (text.Length == 1 || !char.IsAsciiLetter(text[1])))
        || char.IsWhiteSpace(text[0])
        || char.IsWhiteSpace(text[^1])
        || text.Any(IsEscaped);

    private static bool IsEscaped(char c) => char.IsControl(c) || c is '\u2028' or '\u2029' or '\uFEFF' or '\uFFFE' or '\uFFFF';
}
