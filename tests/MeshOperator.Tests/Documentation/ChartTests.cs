using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using MeshOperator.Api;
using MeshOperator.Api.Kinds;
using MeshOperator.Checks;
using MeshOperator.Generation;
using MeshOperator.Injection;
using MeshOperator.Kubernetes.Manifests;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests.Documentation;

/// <summary>What people read about the chart is what the program and the chart do.</summary>
public sealed partial class ChartTests
{
    private const string Chart = "charts/mesh-operator/";

    /// <summary>Values whose bounds the operator checks too.</summary>
    public static TheoryData<string, Func<string, InjectionOptions>> Bounded =>
        new()
        {
            {
                "proxy.concurrency",
                text => new InjectionOptions { ProxyConcurrency = text }
            },
            {
                "proxy.maxHeaders",
                text => new InjectionOptions { ProxyMaxHeaders = text }
            },
            {
                "proxy.maxHeaderKib",
                text => new InjectionOptions { ProxyMaxHeaderKib = text }
            },
            {
                "proxy.application.maxConnections",
                text => new InjectionOptions { ApplicationMaxConnections = text }
            },
            {
                "proxy.application.requestsPerConnection",
                text => new InjectionOptions { ApplicationRequestsPerConnection = text }
            },
        };

    [Fact]
    public void The_page_on_upgrades_has_the_command_that_gives_CRDs_to_a_release() =>
        Read("docs/upgrade.md")
            .Replace("\n  \"", "\"", StringComparison.Ordinal)
            .ShouldContain(CrdOwnership.Command("mesh-operator", "mesh-system"));

    [Fact]
    public void Each_value_is_in_the_schema_with_its_default_and_in_the_README()
    {
        var readme = Read(Chart + "README.md");
        foreach (var (path, value) in Leaves(string.Empty, Values()))
        {
            var found = Find(path);
            found.ShouldNotBeNull($"values.schema.json lacks {path}");
            JsonNode.DeepEquals(found["default"], value).ShouldBeTrue($"values.schema.json has another default of {path}");
            readme.ShouldContain($"| `{path}`", customMessage: $"the README lacks {path}");
        }
    }

    [Fact]
    public void A_value_without_a_type_is_found_when_the_schema_is_made() =>
        Should
            .Throw<InvalidOperationException>(() => ChartSchema.Create(Read(Chart + "values.yaml") + "surprise: 1\n"))
            .Message.ShouldContain("surprise");

    [Theory]
    [MemberData(nameof(Bounded))]
    public void Bounds_of_the_schema_are_those_of_the_operator(string path, Func<string, InjectionOptions> options)
    {
        var schema = Find(path)!;
        var (least, most) = ((int)schema["minimum"]!, (int)schema["maximum"]!);
        options($"{least}").Problem.ShouldBeNull();
        options($"{most}").Problem.ShouldBeNull();
        options($"{least - 1}").Problem.ShouldNotBeNull();
        options($"{most + 1}").Problem.ShouldNotBeNull();
    }

    [Fact]
    public void Words_of_the_schema_are_those_of_the_operator()
    {
        foreach (var word in Words("proxy.logLevel"))
            new InjectionOptions { ProxyLogLevel = word }.Problem.ShouldBeNull();
        foreach (var word in Words("interception.mode"))
            new InjectionOptions { Interception = word }.Problem.ShouldBeNull();
        foreach (var word in Words("interception.inbound"))
            new InjectionOptions { Inbound = word, Interception = "none" }.Problem.ShouldBeNull();
    }

    [Fact]
    public void The_chart_lists_all_its_images_and_CRDs()
    {
        var chart = Read(Chart + "Chart.yaml");
        chart.ShouldContain($"image: {new InjectionOptions().ProxyImage}\n");
        chart.ShouldContain($"image: {new InjectionOptions().InitImage}\n");
        foreach (var name in MeshEntities.PluralNames)
            chart.ShouldContain($"name: {name}.{MeshNames.Group}\n");
    }

    [Fact]
    public void Alerts_and_dashboards_use_metrics_that_exist()
    {
        var metrics = Read("docs/reference/metrics.md");
        var used = new[] { "files/alerts.yaml", "dashboards/operator.json" }
            .SelectMany(file => Metric().Matches(Read(Chart + file)))
            .Select(match => match.Value)
            .ToArray();
        used.ShouldNotBeEmpty();
        foreach (var metric in used)
            metrics.ShouldContain($"`{metric.Replace("_bucket", string.Empty, StringComparison.Ordinal)}`");
    }

    private static string[] Words(string path) => [.. Find(path)!["enum"]!.AsArray().Select(word => (string)word!)];

    private static JsonObject Values() => (JsonObject)YamlReader.ReadAll(Read(Chart + "values.yaml")).Single().Root!;

    /// <summary>The schema of a value; null where it, or a group around it, is not in the schema.</summary>
    private static JsonNode? Find(string path)
    {
        var schema = JsonNode.Parse(Read(Chart + "values.schema.json"));
        var names = path.Split('.');
        for (var i = 0; i < names.Length && schema is not null; i++)
            schema = schema["properties"]?[names[i]];
        return schema;
    }

    /// <summary>The values that are no groups: what the schema has a default for.</summary>
    private static IEnumerable<(string Path, JsonNode? Value)> Leaves(string prefix, JsonObject values)
    {
        foreach (var (name, value) in values)
        {
            var path = prefix + name;
            if (value is not JsonObject group || group.Count == 0 || Find(path)?["default"] is not null)
                yield return (path, value);
            else
            {
                foreach (var leaf in Leaves($"{path}.", group))
                    yield return leaf;
            }
        }
    }

    [GeneratedRegex("meshoperator_[a-z_]+")]
    private static partial Regex Metric();

    private static string Read(string path) => File.ReadAllText(Path.Combine(Document.Root, path));
}
