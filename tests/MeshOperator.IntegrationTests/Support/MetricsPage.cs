using System.Globalization;
using System.Text.RegularExpressions;
using MeshOperator.Listeners;
using Xunit;

namespace MeshOperator.IntegrationTests.Support;

/// <summary>What Prometheus reads.</summary>
internal static partial class MetricsPage
{
    public static async Task<string> ReadAsync(TestOperator mesh)
    {
        using var client = new HttpClient();
        return await client.GetStringAsync(
            new Uri($"http://{mesh.Host.Ports[ListenerKind.Metrics]}/metrics"),
            TestContext.Current.CancellationToken
        );
    }

    /// <summary>How many clients were refused, by reason.</summary>
    public static async Task<Dictionary<string, int>> RefusedAsync(TestOperator mesh) =>
        RefusedLine()
            .Matches(await ReadAsync(mesh))
            .ToDictionary(
                m => m.Groups["reason"].Value,
                m => (int)double.Parse(m.Groups["count"].Value, CultureInfo.InvariantCulture),
                StringComparer.Ordinal
            );

    [GeneratedRegex("""^meshoperator_xds_refused\w*\{[^}]*reason="(?<reason>\w+)"[^}]*\} (?<count>\S+)""", RegexOptions.Multiline)]
    private static partial Regex RefusedLine();
}
