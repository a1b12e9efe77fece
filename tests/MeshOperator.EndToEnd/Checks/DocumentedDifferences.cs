using System.Globalization;
using MeshOperator.Testing;

namespace MeshOperator.EndToEnd.Checks;

/// <summary>A request of HTTP/1.1 as its bytes arrived.</summary>
/// <param name="Line">The first line.</param>
/// <param name="Headers">The headers, <c>name: value</c>, in their order.</param>
/// <param name="Body">The rest, with the chunks and trailers that it was sent in.</param>
internal sealed record ArrivedRequest(string Line, IReadOnlyList<string> Headers, string Body)
{
    public static ArrivedRequest Parse(string text)
    {
        var end = text.IndexOf("\r\n\r\n", StringComparison.Ordinal);
        var lines = text[..end].Split("\r\n");
        return new ArrivedRequest(lines[0], lines[1..], text[(end + 4)..]);
    }
}

/// <summary>What the mesh changes of a request, as <c>docs/http-transparency.md</c> lists it.</summary>
internal static class DocumentedDifferences
{
    /// <summary>Headers of a connection, which each proxy sends again to the next.</summary>
    private static readonly string[] OfTheConnection = ["connection", "keep-alive", "proxy-connection", "upgrade", "transfer-encoding"];

    /// <summary>Those of several of one name that become one, separated by a comma.</summary>
    private static readonly string[] Joined = ["accept"];

    /// <summary>What the proxies add at the end, unless the caller has sent it.</summary>
    private static readonly string[] Added = ["x-forwarded-proto", "x-request-id", "content-length"];

    private const string Identity = "x-forwarded-client-cert";

    /// <summary>What a client sees of something that stock Envoy cannot do.</summary>
    /// <param name="what">How its row in the documentation begins.</param>
    public static string StockEnvoy(string what) =>
        File.ReadLines(Path.Combine(Repository.Root, "docs", "http-transparency.md"))
            .SkipWhile(line => line != "## What stock Envoy cannot do")
            .Single(line => line.StartsWith($"| {what}", StringComparison.Ordinal))
            .Split('|')[2]
            .Trim();

    /// <summary>How the request of <paramref name="plain"/> must not have arrived with the mesh; null where all differences are
    /// documented ones.</summary>
    /// <param name="plain">As it arrived without the mesh.</param>
    /// <param name="meshed">As it arrived with it.</param>
    /// <param name="mutualTls">Whether the caller is in the mesh.</param>
    public static string? Other(ArrivedRequest plain, ArrivedRequest meshed, bool mutualTls)
    {
        var sent = Unfold(plain.Headers).Select(Split).ToList();
        var ofConnection = sent.Where(h => h.Name == "connection")
            .SelectMany(h => h.Value.Split(',', StringSplitOptions.TrimEntries))
            .Concat(OfTheConnection)
            .ToList();
        var kept = new List<(string Name, string Value)>();
        foreach (var header in sent.Where(h => !ofConnection.Contains(h.Name, StringComparer.OrdinalIgnoreCase)))
        {
            if (header.Name == "te" && header.Value != "trailers" || header.Name == Identity)
                continue;
            if (header.Name.StartsWith("x-envoy-", StringComparison.Ordinal))
                continue;
            var first = kept.FindIndex(h => h.Name == header.Name && Joined.Contains(h.Name));
            if (first >= 0)
                kept[first] = (header.Name, $"{kept[first].Value},{header.Value}");
            else
                kept.Add(header);
        }

        var arrived = meshed.Headers.Select(Split).ToList();
        if (!kept.Exists(h => h.Name == "host"))
            kept.InsertRange(0, arrived.Where(h => h.Name == "host"));
        var added = arrived.Where(h => Added.Contains(h.Name) && !kept.Exists(k => k.Name == h.Name)).ToList();
        if (added.Exists(h => h is { Name: "content-length", Value: not "0" }))
            return "a length was added";
        if (!kept.Concat(added).Any(h => h.Name == "x-request-id"))
            return "there is no x-request-id";
        if (arrived.Exists(h => h.Name == Identity) != mutualTls)
            return "the caller's identity is there, or is not, and should not be so";
        var rest = arrived.Where(h => h.Name is not (Identity or "transfer-encoding")).Except(added).ToList();
        if (!rest.SequenceEqual(kept))
            return $"headers were [{string.Join("; ", kept)}], and are [{string.Join("; ", rest)}]";
        if (Target(plain.Line) != meshed.Line)
            return $"the first line was '{plain.Line}' and is '{meshed.Line}'";
        return Data(plain.Body) == Data(meshed.Body) ? null : $"the body was '{plain.Body}' and is '{meshed.Body}'";
    }

    /// <summary>An absolute target becomes a path, and HTTP/1.0 becomes 1.1.</summary>
    private static string Target(string line)
    {
        var parts = line.Split(' ');
        var path = Uri.TryCreate(parts[1], UriKind.Absolute, out var uri) && uri.Scheme == "http" ? uri.PathAndQuery : parts[1];
        return $"{parts[0]} {path} HTTP/1.1";
    }

    /// <summary>What is in the chunks, as where one ends is not kept; names of trailers become lower case.</summary>
    private static string Data(string body)
    {
        if (!body.Contains("\r\n0\r\n", StringComparison.Ordinal))
            return body;
        var (data, rest) = (string.Empty, body);
        while (true)
        {
            var end = rest.IndexOf("\r\n", StringComparison.Ordinal);
            var length = int.Parse(rest[..end].Split(';')[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture);
            if (length == 0)
                return data + "|" + rest[(end + 2)..].ToLower(CultureInfo.InvariantCulture);
            data += rest.Substring(end + 2, length);
            rest = rest[(end + 4 + length)..];
        }
    }

    /// <summary>A value that goes on in the next line becomes one.</summary>
    private static List<string> Unfold(IEnumerable<string> lines)
    {
        var result = new List<string>();
        foreach (var line in lines)
        {
            if (line.StartsWith(' '))
                result[^1] += line;
            else
                result.Add(line);
        }

        return result;
    }

    private static (string Name, string Value) Split(string header)
    {
        var colon = header.IndexOf(':', StringComparison.Ordinal);
        return (header[..colon].ToLower(CultureInfo.InvariantCulture), header[(colon + 1)..].Trim());
    }
}
