using System.Globalization;
using System.Text.RegularExpressions;

namespace MeshOperator.Api;

/// <summary>Reads sizes as Kubernetes writes them, with a binary unit.</summary>
public static partial class ByteQuantity
{
    /// <summary>The form of sizes.</summary>
    public const string Pattern = "^[0-9]{1,6}(Ki|Mi)$";

    /// <summary>What to say of a string that is none, after the string itself.</summary>
    public const string Message = "is not a size; write a number and a unit, such as 512Ki or 16Mi";

    /// <summary>The size in bytes; false when the text is none.</summary>
    public static bool TryParse(string? text, out long bytes)
    {
        bytes = 0;
        if (text is null || !Form().IsMatch(text))
            return false;
        bytes =
            long.Parse(text.AsSpan(0, text.Length - 2), NumberStyles.None, CultureInfo.InvariantCulture)
            * (text.EndsWith("Mi", StringComparison.Ordinal) ? 1024 * 1024 : 1024);
        return true;
    }

    /// <summary>The size in bytes.</summary>
    /// <exception cref="FormatException">It is not of that form.</exception>
    public static long Parse(string text) => TryParse(text, out var bytes) ? bytes : throw new FormatException($"'{text}' {Message}");

    [GeneratedRegex(Pattern, RegexOptions.CultureInvariant)]
    private static partial Regex Form();
}
