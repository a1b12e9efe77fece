using System.Text;

namespace MeshOperator.Injection.Probes;

/// <summary>The path of an HTTP probe as the kubelet sends it.</summary>
internal static class RequestPath
{
    /// <summary>What a path may have besides letters and digits (RFC 3986, section 3.3), and the sign of what is already encoded.</summary>
    private const string Allowed = "-._~!$&'()*+,;=:@/%";

    /// <summary>The path, which starts with a slash, and the query with its question mark, or nothing. A fragment is not sent.</summary>
    public static (string Path, string Query) Split(string? given)
    {
        var text = given ?? string.Empty;
        if (text.IndexOf('#', StringComparison.Ordinal) is >= 0 and var fragment)
            text = text[..fragment];
        var query = text.IndexOf('?', StringComparison.Ordinal) is >= 0 and var mark ? text[mark..] : string.Empty;
        var path = Encode(text[..^query.Length]);
        return (path.StartsWith('/') ? path : "/" + path, query.Length > 1 ? query : string.Empty);
    }

    private static string Encode(string path)
    {
        var result = new StringBuilder();
        foreach (var rune in path.EnumerateRunes())
        {
            if (
                rune.IsAscii
                && (char.IsAsciiLetterOrDigit((char)rune.Value) || Allowed.Contains((char)rune.Value, StringComparison.Ordinal))
            )
                result.Append(rune);
            else
                result.Append(Uri.EscapeDataString(rune.ToString()));
        }

        return result.ToString();
    }
}
