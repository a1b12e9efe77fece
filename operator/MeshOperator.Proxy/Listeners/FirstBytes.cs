using System.Buffers;
using System.IO.Pipelines;
using System.Text;
using MeshOperator.Proxy.Tls;

namespace MeshOperator.Proxy.Listeners;

/// <summary>What the first bytes of a connection say.</summary>
/// <param name="Transport"><c>tls</c> or <c>raw_buffer</c>.</param>
/// <param name="Protocols">The application's protocols, in the client's order.</param>
internal sealed record FirstBytes(string Transport, IReadOnlyList<string> Protocols)
{
    private const string Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    private const int LongestHello = 64 * 1024;
    private const int LongestLine = 64 * 1024;
    private const int LongestMethod = 24;

    /// <summary>Nothing.</summary>
    public static FirstBytes None { get; } = new("raw_buffer", []);

    /// <summary>Looks at the first bytes without taking them. Null when the client has gone.</summary>
    /// <exception cref="OperationCanceledException">It took too long.</exception>
    public static async Task<FirstBytes?> LookAsync(PipeReader input, bool tls, bool http, CancellationToken cancellationToken)
    {
        while (true)
        {
            var result = await input.ReadAsync(cancellationToken);
            var bytes = result.Buffer.ToArray();
            var found = bytes.Length == 0 ? null : Look(bytes, tls, http);
            if (found is not null || result.IsCompleted)
            {
                input.AdvanceTo(result.Buffer.Start);
                return found ?? (bytes.Length == 0 ? null : None);
            }

            input.AdvanceTo(result.Buffer.Start, result.Buffer.End);
        }
    }

    /// <summary>Whether the client begins with HTTP/2. False when it has gone.</summary>
    public static async Task<bool> IsHttp2Async(PipeReader input, CancellationToken cancellationToken)
    {
        while (true)
        {
            var result = await input.ReadAsync(cancellationToken);
            var bytes = result.Buffer.ToArray();
            var isPreface = IsPreface(bytes);
            if (isPreface is { } known || result.IsCompleted)
            {
                input.AdvanceTo(result.Buffer.Start);
                return isPreface ?? false;
            }

            input.AdvanceTo(result.Buffer.Start, result.Buffer.End);
        }
    }

    /// <summary>Null when more is needed.</summary>
    private static FirstBytes? Look(byte[] bytes, bool tls, bool http)
    {
        if (tls && ClientHello.MayBe(bytes))
            return ClientHello.TryRead(bytes, out var protocols) ? new FirstBytes("tls", protocols)
                : bytes.Length > LongestHello ? None
                : null;
        if (!http)
            return None;
        return IsPreface(bytes) switch
        {
            true => new FirstBytes("raw_buffer", ["h2c"]),
            false => Http1(bytes),
            null => null,
        };
    }

    private static FirstBytes? Http1(byte[] bytes)
    {
        var method = Array.FindIndex(bytes, letter => letter is < (byte)'A' or > (byte)'Z' && letter is not (byte)'-');
        if (method == 0 || method > LongestMethod || (method > 0 && bytes[method] != ' ') || (method < 0 && bytes.Length > LongestMethod))
            return None;
        var end = Array.IndexOf(bytes, (byte)'\n');
        if (end < 0)
            return bytes.Length > LongestLine ? None : null;
        var line = Encoding.Latin1.GetString(bytes, 0, end).TrimEnd('\r');
        return line.EndsWith(" HTTP/1.1", StringComparison.Ordinal) ? new FirstBytes("raw_buffer", ["http/1.1"])
            : line.EndsWith(" HTTP/1.0", StringComparison.Ordinal) ? new FirstBytes("raw_buffer", ["http/1.0"])
            : None;
    }

    /// <summary>Null when it cannot be told yet.</summary>
    private static bool? IsPreface(byte[] bytes)
    {
        var count = Math.Min(bytes.Length, Preface.Length);
        for (var i = 0; i < count; i++)
        {
            if (bytes[i] != Preface[i])
                return false;
        }

        return count == Preface.Length ? true : null;
    }
}
