using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json.Nodes;

namespace MeshOperator.EndToEnd.Clients;

/// <summary>An answer.</summary>
/// <param name="Status">The status.</param>
/// <param name="Pod">The pod whose application answered; empty if a proxy did.</param>
/// <param name="Version">Its version.</param>
/// <param name="Body">The body.</param>
/// <param name="Headers">Headers in lower case, several of a name joined by a comma.</param>
/// <param name="Elapsed">From the request to the end of the body.</param>
internal sealed record Reply(
    HttpStatusCode Status,
    string Pod,
    string Version,
    string Body,
    IReadOnlyDictionary<string, string> Headers,
    TimeSpan Elapsed
)
{
    /// <summary>What the application says of the request that arrived.</summary>
    public JsonNode Json => Body.StartsWith('{') ? JsonNode.Parse(Body)! : new JsonObject();

    /// <summary>A header of the request as it arrived at the application; null if it did not.</summary>
    public string? Arrived(string header) => (string?)Json["headers"]?[header];

    public override string ToString() => $"{(int)Status} {Pod} {Body[..Math.Min(Body.Length, 300)]}";

    public static async Task<Reply> ReadAsync(HttpResponseMessage response, Stopwatch clock)
    {
        var body = await response.Content.ReadAsStringAsync();
        var headers = response
            .Headers.Concat(response.Content.Headers)
            .ToDictionary(h => h.Key.ToLower(CultureInfo.InvariantCulture), h => string.Join(',', h.Value), StringComparer.Ordinal);
        var (pod, version) = (headers.GetValueOrDefault("x-pod", string.Empty), headers.GetValueOrDefault("x-version", string.Empty));
        return new Reply(response.StatusCode, pod, version, body, headers, clock.Elapsed);
    }
}
