using System.Text.Json.Nodes;

namespace MeshOperator.Injection;

/// <summary>Which statistics a proxy keeps (envoy.config.metrics.v3.StatsMatcher as JSON). Envoy has some 200 for each service, of which
/// few say something that the others do not; they would be a third of its memory. The reference of metrics lists these.</summary>
public static class StatisticsSelection
{
    /// <summary>Keeps all of them.</summary>
    public const string All = "*";

    /// <summary>Of the proxy itself and of what arrives, everything.</summary>
    private static readonly string[] Prefixes =
    [
        "cluster_manager.",
        "listener_manager.",
        "server.",
        "overload.",
        "runtime.",
        "control_plane.",
        "grpc.ads.",
        "tracing.",
        "cluster.inbound/",
        "http.inbound",
        "tcp.inbound",
    ];

    /// <summary>Of whichever filter.</summary>
    private static readonly string[] Parts = ["rbac.", "http_local_rate_limit."];

    /// <summary>Of every subscription.</summary>
    private static readonly string[] Suffixes = [".update_rejected", ".update_success"];

    /// <summary>Of clusters, TCP proxies, faults, and the two listeners where connections arrive.</summary>
    private static readonly string[] Expressions =
    [
        @"cluster\.[^.]+\.upstream_rq_(total|active|completed|cancelled|timeout|per_try_timeout|time|time_first_byte"
            + @"|rx_reset|tx_reset|pending_.*|retry.*|max_duration_reached|[1-5]xx|[1-5]\d\d)",
        @"cluster\.[^.]+\.upstream_cx_(total|active|connect_fail|connect_timeout|connect_ms|connect_attempts_exceeded|overflow"
            + @"|idle_timeout|destroy_.*|rx_bytes_total|tx_bytes_total)",
        @"cluster\.[^.]+\.(circuit_breakers\.default\..*|outlier_detection\..*|ssl\.(handshake|connection_error|fail_.*))",
        @"cluster\.[^.]+\.(membership_(healthy|total)|lb_healthy_panic)",
        @"tcp\.[^.]+\.(downstream_cx_(total|no_route|rx_bytes_total|tx_bytes_total)|idle_timeout)",
        @"http\..*\.fault\.(aborts|delays)_injected",
        @"listener\..*_(15001|15006)\..*",
    ];

    /// <summary>What is kept by default, for people: a part of a statistic's name in Envoy, or an expression for the whole, and how it
    /// fits.</summary>
    public static IEnumerable<(string Pattern, string How)> Kept =>
        [
            .. Prefixes.Select(prefix => (prefix, "the start of the name")),
            .. Parts.Select(part => (part, "any part of the name")),
            .. Suffixes.Select(suffix => (suffix, "the end of the name")),
            .. Expressions.Select(expression => (expression, "the whole name, as an RE2 expression")),
        ];

    /// <summary>The selection.</summary>
    /// <param name="more">Beginnings of the names of further statistics; <see cref="All"/> among them for all.</param>
    /// <returns>Null where all are kept.</returns>
    public static JsonObject? Create(IReadOnlyList<string> more)
    {
        if (more.Contains(All))
            return null;
        var patterns = new JsonArray([
            .. Prefixes.Concat(more).Select(prefix => new JsonObject { ["prefix"] = EnvoyJson.Literal(prefix) }),
            .. Parts.Select(part => new JsonObject { ["contains"] = part }),
            .. Suffixes.Select(suffix => new JsonObject { ["suffix"] = suffix }),
            .. Expressions.Select(regex => new JsonObject { ["safe_regex"] = new JsonObject { ["regex"] = regex } }),
        ]);
        return new JsonObject { ["inclusion_list"] = new JsonObject { ["patterns"] = patterns } };
    }
}
