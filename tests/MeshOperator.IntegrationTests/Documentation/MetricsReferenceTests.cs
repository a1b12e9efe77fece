using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using MeshOperator.IntegrationTests.Support;
using MeshOperator.Testing;
using MeshOperator.Xds.Resources;
using Shouldly;
using Xunit;

namespace MeshOperator.IntegrationTests.Documentation;

/// <summary>What Prometheus reads has the names of <c>docs/reference/metrics.md</c>.</summary>
public sealed partial class MetricsReferenceTests(TestCluster cluster)
{
    [Fact]
    public async Task Each_metric_of_a_running_operator_is_in_the_reference_with_its_kind()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await TestNamespace.CreateAsync(cluster, injected: true);
        await ns.ServiceAsync("web");
        await using var proxy = mesh.Connect($"web-0.{ns.Name}");
        await proxy.SubscribeAsync(ResourceType.Route, $"outbound/80/web.{ns.Name}");
        await proxy.AcknowledgeAsync(await proxy.NextAsync());

        var page = Path.Combine(Root(), "docs/reference/metrics.md");
        var reference = await File.ReadAllLinesAsync(page, TestContext.Current.CancellationToken);
        await Eventually.Succeeds(async () =>
        {
            var found = TypeLine().Matches(await MetricsPage.ReadAsync(mesh));
            found.Count.ShouldBeGreaterThan(15);
            found.ShouldContain(m => m.Groups[1].Value == "meshoperator_xds_acks_total");
            foreach (Match metric in found)
            {
                var row = $"| `{metric.Groups[1].Value}` | {metric.Groups[2].Value} |";
                reference.ShouldContain(line => line.StartsWith(row, StringComparison.Ordinal), metric.Value);
            }
        });
    }

    private static string Root([CallerFilePath] string here = "") => Path.GetFullPath(Path.Combine(here, "../../../.."));

    [GeneratedRegex(@"^# TYPE (meshoperator_\w+) (\w+)", RegexOptions.Multiline)]
    private static partial Regex TypeLine();
}
