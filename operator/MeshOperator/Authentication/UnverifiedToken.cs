using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using MeshOperator.Mesh.Model;

namespace MeshOperator.Authentication;

/// <summary>What a service account token says of itself, in the claims that Kubernetes gives it. Nothing of it is verified, so it is good
/// for refusing only: a token that is not for the mesh by its own words need not be reviewed.</summary>
internal sealed record UnverifiedToken
{
    private const string Binding = "kubernetes.io";

    private UnverifiedToken() { }

    /// <summary>Whether it names a signature's algorithm and has a signature.</summary>
    public required bool IsSigned { get; init; }

    public required IReadOnlyList<string> Audiences { get; init; }

    public required DateTimeOffset? Expires { get; init; }

    /// <summary>The pod that it is bound to, or null.</summary>
    public required WorkloadName? Pod { get; init; }

    public required string? PodUid { get; init; }

    /// <summary>Reads a token; false when it is no JSON Web Token (RFC 7519).</summary>
    public static bool TryParse(string token, [NotNullWhen(true)] out UnverifiedToken? claims)
    {
        claims = null;
        if (token.Split('.') is not [var header, var payload, var signature])
            return false;
        try
        {
            using var head = JsonDocument.Parse(Base64Url.DecodeFromChars(header));
            using var body = JsonDocument.Parse(Base64Url.DecodeFromChars(payload));
            if (head.RootElement.ValueKind is not JsonValueKind.Object || body.RootElement.ValueKind is not JsonValueKind.Object)
                return false;
            claims = Read(head.RootElement, body.RootElement, signature);
            return true;
        }
        catch (Exception e) when (e is JsonException or FormatException)
        {
            return false;
        }
    }

    private static UnverifiedToken Read(JsonElement header, JsonElement payload, string signature)
    {
        var binding = Member(payload, Binding);
        var pod = Member(binding, "pod");
        var (ns, name) = (Text(Member(binding, "namespace")), Text(Member(pod, "name")));
        return new UnverifiedToken
        {
            IsSigned =
                signature.Length > 0
                && Text(Member(header, "alg")) is { } algorithm
                && !algorithm.Equals("none", StringComparison.OrdinalIgnoreCase),
            Audiences = Texts(Member(payload, "aud")),
            Expires =
                Member(payload, "exp") is { ValueKind: JsonValueKind.Number } exp
                && exp.TryGetInt64(out var seconds)
                && seconds is > 0 and < 253402300800
                    ? DateTimeOffset.FromUnixTimeSeconds(seconds)
                    : null,
            Pod = ns is null || name is null ? null : new WorkloadName(ns, name),
            PodUid = Text(Member(pod, "uid")),
        };
    }

    private static JsonElement? Member(JsonElement? of, string name) =>
        of is { ValueKind: JsonValueKind.Object } parent && parent.TryGetProperty(name, out var value) ? value : null;

    private static string? Text(JsonElement? value) => value is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    private static IReadOnlyList<string> Texts(JsonElement? value) =>
        value switch
        {
            { ValueKind: JsonValueKind.String } one => [one.GetString()!],
            { ValueKind: JsonValueKind.Array } many => [.. many.EnumerateArray().Select(v => Text(v)).OfType<string>()],
            _ => [],
        };
}
