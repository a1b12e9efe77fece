using System.Text.RegularExpressions;
using Xunit;

namespace MeshOperator.Testing;

/// <summary>The xDS client that decodes with Envoy's official definitions. Tests that need it are skipped where it is missing.</summary>
internal static partial class XdsCheck
{
    private const string Variable = "MESH_XDSCHECK";
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(4);

    /// <summary>Validates, and passes over what this Envoy is known to take though xdscheck, which knows an older one, does not: an
    /// answer's matcher of failures (field 8 of HttpProtocolOptions), bounds on resets (fields 21 and 22 of Http2ProtocolOptions), the size
    /// of bodies that are kept (field 20 of Route), slow start by load reports (field 8 of
    /// ClientSideWeightedRoundRobin), limits without a bucket beside those of their descriptors (in a route, one of 1 ns), descriptors for
    /// any value and how many buckets they have (field 18 of LocalRateLimit), access logs that make statistics, and filters that a route
    /// switches on and no more.
    /// max_grpc_timeout is deprecated, and nothing else has an attempt say what is left of a call's time. The end-to-end tests show all
    /// with a real Envoy.</summary>
    public static async Task<(int Status, string Output)> ValidateAsync(params string[] arguments)
    {
        var (status, output) = await RunAsync(["validate", .. arguments]);
        var findings = output
            .Split('\n')
            .Select(line => line.Trim())
            .Where(line => line.StartsWith("ERROR ", StringComparison.Ordinal) || line.StartsWith("WARN ", StringComparison.Ordinal))
            .ToList();
        return status == 1 && findings.Count > 0 && findings.TrueForAll(KnownBetter().IsMatch) ? (0, output) : (status, output);
    }

    /// <summary>Runs a command against a server and returns its exit status and all that it wrote.</summary>
    public static async Task<(int Status, string Output)> RunAsync(params string[] arguments)
    {
        var binary = Environment.GetEnvironmentVariable(Variable);
        Assert.SkipWhen(string.IsNullOrEmpty(binary), $"xdscheck was not found: {Variable} does not name it.");
        return await Programs.RunAsync(binary!, arguments, Timeout, TestContext.Current.CancellationToken);
    }

    [GeneratedRegex(
        @"upstreams\.http\.v3\.HttpProtocolOptions has unknown fields: field 8 \(bytes, \d+ bytes\) \("
            + @"|\.ClientSideWeightedRoundRobin has unknown fields: field 8 \(bytes, \d+ bytes\) \("
            + @"|local_ratelimit\.v3\.LocalRateLimit has unknown fields: field 18 \(bytes, \d+ bytes\) \("
            + @"|<LocalRateLimit>\.descriptors\[\d+\]\.entries\[1\]\.value: value length must be at least 1 runes"
            + @"|Http2ProtocolOptions has unknown fields: field 21 \(bytes, \d+ bytes\), field 22 \(bytes, \d+ bytes\) \("
            + @"|route\.v3\.WeightedCluster has unknown fields: field 5 \(bytes, \d+ bytes\) \("
            + @"|route\.v3\.Route has unknown fields: field 20 \(bytes, \d+ bytes\) \(|\.max_grpc_timeout: deprecated "
            + @"|\.token_bucket\.fill_interval: 1ns: local rate limit token bucket fill timer must be >= 50ms"
            + @"|access_loggers\.stats\.v3\.Config"": type not known"
            + @"|: descriptors without a token bucket \(|<FilterConfig>\.config: empty type_url: ",
        RegexOptions.CultureInvariant
    )]
    private static partial Regex KnownBetter();
}
