using System.Text.Json.Nodes;

namespace MeshOperator.Proxy.Bootstrap;

/// <summary>How the operator is reached.</summary>
/// <param name="Authority"><c>host:port</c> of ADS.</param>
/// <param name="RootsFile">The file of the roots that the operator's certificate is verified against; null for plaintext.</param>
/// <param name="ServerName">The name in the operator's certificate, when it is not the host of <paramref name="Authority"/>.</param>
/// <param name="TokenFile">The file of the token, or null.</param>
/// <param name="TokenHeader">The header of the token.</param>
/// <param name="TokenPrefix">What stands before the token.</param>
/// <param name="FirstBackoff">The wait after a first failure.</param>
/// <param name="LongestBackoff">The longest wait.</param>
/// <param name="KeepaliveTime">How often an idle connection is tried.</param>
/// <param name="KeepaliveTimeout">When such a try has failed.</param>
internal sealed record AdsTarget(
    string Authority,
    string? RootsFile,
    string? ServerName,
    string? TokenFile,
    string TokenHeader,
    string TokenPrefix,
    TimeSpan FirstBackoff,
    TimeSpan LongestBackoff,
    TimeSpan KeepaliveTime,
    TimeSpan KeepaliveTimeout
)
{
    /// <summary>Reads <c>dynamic_resources.ads_config</c>.</summary>
    public static AdsTarget Read(JsonNode bootstrap)
    {
        const string Grpc = "dynamic_resources/ads_config/grpc_services/0/google_grpc";
        var token = bootstrap.At($"{Grpc}/call_credentials/0/from_plugin/typed_config");
        var arguments = bootstrap.At($"{Grpc}/channel_args/args");
        return new AdsTarget(
            bootstrap.Required($"{Grpc}/target_uri"),
            bootstrap.Text($"{Grpc}/channel_credentials/ssl_credentials/root_certs/filename"),
            arguments.Text("grpc.ssl_target_name_override/string_value"),
            token.Text("secret_data/filename"),
            token.Text("header_key") ?? "authorization",
            token.Text("header_prefix") ?? "",
            Milliseconds(arguments, "grpc.initial_reconnect_backoff_ms", 500),
            Milliseconds(arguments, "grpc.max_reconnect_backoff_ms", 2000),
            Milliseconds(arguments, "grpc.keepalive_time_ms", 30_000),
            Milliseconds(arguments, "grpc.keepalive_timeout_ms", 10_000)
        );
    }

    private static TimeSpan Milliseconds(JsonNode? arguments, string name, int otherwise) =>
        TimeSpan.FromMilliseconds(
            arguments.Text($"{name}/int_value") is { } text ? int.Parse(text, System.Globalization.CultureInfo.InvariantCulture) : otherwise
        );
}
