using System.Globalization;
using System.Net;
using System.Net.Mail;
using System.Text.RegularExpressions;

namespace MeshOperator.LocalCluster.Schemas;

/// <summary>The string formats that the API server checks in custom resources; others mean nothing.</summary>
internal static partial class StringFormats
{
    public static bool Fits(string format, string text) =>
        format switch
        {
            "date-time" => Rfc3339.IsValid(text),
            "date" => DateOnly.TryParseExact(text, "yyyy-MM-dd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _),
            "duration" => Duration().IsMatch(text),
            "ipv4" => IPAddress.TryParse(text, out var v4)
                && v4.AddressFamily == System.Net.Sockets.AddressFamily.InterNetwork
                && text.Count(c => c == '.') == 3,
            "ipv6" => IPAddress.TryParse(text, out var v6) && v6.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6,
            "cidr" => IPNetwork.TryParse(text, out _),
            "uuid" => Guid.TryParse(text, out _),
            "email" => MailAddress.TryCreate(text, out _),
            "uri" => Uri.TryCreate(text, UriKind.RelativeOrAbsolute, out _),
            "hostname" => Uri.CheckHostName(text) == UriHostNameType.Dns,
            "byte" => Convert.TryFromBase64String(text, new byte[(text.Length * 3 / 4) + 3], out _),
            _ => true,
        };

    [GeneratedRegex(@"^[+-]?(?:0|(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)\s*(?:ns|us|µs|μs|ms|s|m|h|d|w))+)\z")]
    private static partial Regex Duration();
}
