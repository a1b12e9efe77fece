using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace MeshOperator.Kubernetes.Manifests;

/// <summary>What scalars stand for in YAML 1.1, as Kubernetes reads it (sigs.k8s.io/yaml): <c>no</c> is false, <c>0755</c> and <c>0o755</c>
/// are octal, <c>1_000</c> is a number.</summary>
internal static partial class YamlScalars
{
    private const string Tags = "tag:yaml.org,2002:";

    /// <summary>The value of a scalar; null stands for YAML's null.</summary>
    /// <exception cref="ManifestException">It is a number that JSON does not have, or does not fit its tag.</exception>
    public static JsonValue? Read(Scalar scalar)
    {
        var tag = scalar.Tag.IsEmpty ? string.Empty : scalar.Tag.Value;
        if (tag.StartsWith(Tags, StringComparison.Ordinal))
            return ReadTagged(scalar, tag[Tags.Length..]);
        return scalar.Style is not ScalarStyle.Plain || tag.Length > 0 ? JsonValue.Create(scalar.Value) : ReadPlain(scalar);
    }

    /// <summary>Whether a plain scalar of this text would be read as something other than the text, by this reader or by those of YAML
    /// 1.2.</summary>
    public static bool IsOther(string text) =>
        text is "" or "<<" or "="
        || IsNull(text)
        || IsBoolean(text) is not null
        || IsNotFinite(text)
        || ReadNumber(text) is not null
        || Timestamp().IsMatch(text);

    private static JsonValue? ReadTagged(Scalar scalar, string type) =>
        type switch
        {
            "str" => JsonValue.Create(scalar.Value),
            "null" => null,
            "binary" => JsonValue.Create(Encoding.UTF8.GetString(Convert.FromBase64String(scalar.Value))),
            "bool" => JsonValue.Create(IsBoolean(scalar.Value) ?? throw NotA(scalar, "boolean")),
            "int" or "float" => ReadNumber(scalar.Value) ?? throw NotA(scalar, "number"),
            _ => JsonValue.Create(scalar.Value),
        };

    private static ManifestException NotA(Scalar scalar, string what) => new($"line {scalar.Start.Line}: '{scalar.Value}' is not a {what}");

    private static JsonValue? ReadPlain(Scalar scalar)
    {
        var text = scalar.Value;
        if (text.Length == 0 || IsNull(text))
            return null;
        if (IsBoolean(text) is { } flag)
            return JsonValue.Create(flag);
        if (IsNotFinite(text))
            throw new ManifestException($"line {scalar.Start.Line}: {text} is not a number that JSON has; quote it if it is text");
        return ReadNumber(text) ?? JsonValue.Create(text);
    }

    private static bool IsNull(string text) => text is "~" or "null" or "Null" or "NULL";

    private static bool? IsBoolean(string text) =>
        text switch
        {
            "y" or "Y" or "yes" or "Yes" or "YES" or "true" or "True" or "TRUE" or "on" or "On" or "ON" => true,
            "n" or "N" or "no" or "No" or "NO" or "false" or "False" or "FALSE" or "off" or "Off" or "OFF" => false,
            _ => null,
        };

    private static bool IsNotFinite(string text) => text.TrimStart('+', '-') is ".inf" or ".Inf" or ".INF" or ".nan" or ".NaN" or ".NAN";

    private static JsonValue? ReadNumber(string text)
    {
        if (!char.IsAsciiDigit(text[0]) && text[0] is not ('+' or '-' or '.'))
            return null;
        var plain = text.Replace("_", string.Empty, StringComparison.Ordinal);
        if (ReadInteger(plain) is { } integer)
            return integer;
        return
            Decimal().IsMatch(plain)
            && double.TryParse(plain, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            && double.IsFinite(number)
            ? JsonValue.Create(number)
            : null;
    }

    private static JsonValue? ReadInteger(string text)
    {
        if (Integer().Match(text) is not { Success: true } match)
            return null;
        var isNegative = match.Groups["sign"].Value == "-";
        var (digits, radix) = match.Groups switch
        {
            { } g when g["hex"].Success => (g["hex"].Value, 16),
            { } g when g["octal"].Success => (g["octal"].Value, 8),
            { } g when g["binary"].Success => (g["binary"].Value, 2),
            { } g => (g["decimal"].Value, 10),
        };
        if (!TryParse(digits, radix, out var magnitude))
            return null;
        if (!isNegative)
            return magnitude <= long.MaxValue ? JsonValue.Create((long)magnitude) : JsonValue.Create(magnitude);
        return magnitude <= 1UL << 63 ? JsonValue.Create(unchecked(-(long)magnitude)) : null;
    }

    private static bool TryParse(string digits, int radix, out ulong value)
    {
        value = 0;
        foreach (var digit in digits)
        {
            var next = ((UInt128)value * (uint)radix) + (uint)char.ToUpperInvariant(digit) - (char.IsAsciiDigit(digit) ? '0' : 'A' - 10u);
            if (next > ulong.MaxValue)
                return false;
            value = (ulong)next;
        }

        return true;
    }

    [GeneratedRegex(
        "^(?<sign>[-+]?)(0[xX](?<hex>[0-9a-fA-F]+)|0[bB](?<binary>[01]+)|0[oO]?(?<octal>[0-7]+)|(?<decimal>0|[1-9][0-9]*))$",
        RegexOptions.ExplicitCapture
    )]
    private static partial Regex Integer();

    [GeneratedRegex(@"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$", RegexOptions.ExplicitCapture)]
    private static partial Regex Decimal();

    [GeneratedRegex("^[0-9]{4}-[0-9]{1,2}-[0-9]{1,2}")]
    private static partial Regex Timestamp();
}
