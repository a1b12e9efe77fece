using System.Reflection;
using System.Text.RegularExpressions;
using ArchUnitNET.Fluent;
using ArchUnitNET.Fluent.Slices;
using ArchUnitNET.Loader;
using MeshOperator.Testing;
using Shouldly;
using Xunit;
using static ArchUnitNET.Fluent.ArchRuleDefinition;

namespace MeshOperator.Tests;

/// <summary>References between the projects point one way.</summary>
public sealed partial class HouseRules
{
    private static readonly Dictionary<string, string[]> Allowed = new()
    {
        ["MeshOperator.Kubernetes"] = [],
        ["MeshOperator.Certificates"] = [],
        // Only its reader of YAML.
        ["MeshOperator.LocalCluster"] = ["MeshOperator.Kubernetes"],
        ["MeshOperator.Api"] = ["MeshOperator.Kubernetes"],
        ["MeshOperator.Mesh"] = ["MeshOperator.Api", "MeshOperator.Kubernetes"],
        ["MeshOperator.Xds"] = ["MeshOperator.Mesh", "MeshOperator.Api"],
        ["MeshOperator.Injection"] = ["MeshOperator.Api"],
        // Of the mesh only the buckets of latencies.
        ["MeshOperator.Proxy"] = ["MeshOperator.Xds", "MeshOperator.Mesh", "MeshOperator.Api"],
    };

    public static TheoryData<string> Projects => [.. Allowed.Keys];

    [Theory]
    [MemberData(nameof(Projects))]
    public void A_project_uses_only_what_stands_below_it(string project)
    {
        var references = Assembly
            .Load(project)
            .GetReferencedAssemblies()
            .Select(a => a.Name!)
            .Where(n => n.StartsWith("MeshOperator", StringComparison.Ordinal) || n == "meshop");
        references.Except(Allowed[project]).ShouldBeEmpty();
    }

    [Fact]
    public void The_mesh_knows_neither_kubernetes_clients_nor_envoy()
    {
        var rule = Types()
            .That()
            .ResideInAssembly(Assembly.Load("MeshOperator.Mesh"))
            .Should()
            .NotDependOnAny(
                Types()
                    .That()
                    .ResideInNamespaceMatching(@"^(k8s|Envoy|Google\.Protobuf|Grpc|MeshOperator\.Kubernetes\.(Client|Informers))(\.|$)")
            );
        Violations(rule, "MeshOperator.Mesh", "MeshOperator.Kubernetes").ShouldBeEmpty();
    }

    [Fact]
    public void The_local_cluster_shares_nothing_but_the_reader_of_manifests_with_the_operator()
    {
        var rule = Types()
            .That()
            .ResideInAssembly(Assembly.Load("MeshOperator.LocalCluster"))
            .Should()
            .NotDependOnAny(Types().That().ResideInNamespaceMatching(@"^MeshOperator\.Kubernetes(\.(?!Manifests)|$)"));
        Violations(rule, "MeshOperator.LocalCluster", "MeshOperator.Kubernetes").ShouldBeEmpty();
    }

    /// <summary>Folders are namespaces.</summary>
    [Theory]
    [InlineData("MeshOperator.Kubernetes")]
    [InlineData("MeshOperator.Certificates")]
    [InlineData("MeshOperator.LocalCluster")]
    [InlineData("MeshOperator.Api")]
    [InlineData("MeshOperator.Mesh")]
    [InlineData("MeshOperator.Xds")]
    [InlineData("MeshOperator.Injection")]
    [InlineData("MeshOperator.Proxy")]
    [InlineData("MeshOperator", "meshop")]
    public void The_folders_of_a_project_refer_to_each_other_in_one_direction(string root, string? assembly = null) =>
        Violations(SliceRuleDefinition.Slices().Matching($"{root}.(**)").Should().BeFreeOfCycles(), assembly ?? root).ShouldBeEmpty();

    /// <summary>What a spec means where it leaves something out stands beside the spec, in the <c>Defaults</c> of its kind.</summary>
    [Fact]
    public void The_translation_has_no_defaults_of_its_own_for_lists_and_specs()
    {
        var own =
            from file in Repository.SourceFiles()
            where file.StartsWith("operator/MeshOperator.Mesh/Translation/", StringComparison.Ordinal)
            from Match match in DefaultOfSpec().Matches(File.ReadAllText(Path.Combine(Repository.Root, file)))
            select $"{file}: {match.Value}; read it from the kind's Defaults";
        own.ShouldBeEmpty();
    }

    /// <summary>The formatter leaves comments and strings as they are. Exempt is JSON as an API server writes it.</summary>
    [Fact]
    public void No_line_of_code_is_wider_than_140_columns()
    {
        string[] exempt = ["tests/MeshOperator.Benchmarks/PodPages.cs"];
        var wide =
            from file in Repository.SourceFiles()
            where !exempt.Contains(file)
            from line in File.ReadLines(Path.Combine(Repository.Root, file)).Index()
            where line.Item.Length > 140
            select $"{file}:{line.Index + 1}";
        wide.ShouldBeEmpty();
    }

    /// <summary>Names of methods say what they do or where they look: Find…, Read…, Create…, For…. `IndexOf` and `OneOf` are words of the
    /// platform and of schemas.</summary>
    [Fact]
    public void No_method_is_named_by_of()
    {
        var named =
            from file in Repository.SourceFiles()
            from Match match in MethodNames().Matches(File.ReadAllText(Path.Combine(Repository.Root, file)))
            select $"{file}: {match.Groups["name"].Value}";
        named.ShouldBeEmpty();
    }

    [Fact]
    public void Only_the_host_knows_serilog()
    {
        foreach (var project in Allowed.Keys)
            Assembly
                .Load(project)
                .GetReferencedAssemblies()
                .ShouldNotContain(a => a.Name!.StartsWith("Serilog", StringComparison.Ordinal), project);
    }

    [GeneratedRegex(@"\?\?\s*(\[\]|new\s+\w*Spec\b|\w+Defaults\.\w+)")]
    private static partial Regex DefaultOfSpec();

    [GeneratedRegex(
        @"^ +(public|private|internal|protected|static)\b[^=;(\n]* (?<name>Of|Of[A-Z]\w*|(?!IndexOf|OneOf)\w+Of)(<\w+>)?\(",
        RegexOptions.Multiline
    )]
    private static partial Regex MethodNames();

    private static IEnumerable<string> Violations(IArchRule rule, params string[] assemblies)
    {
        var architecture = new ArchLoader().LoadAssemblies([.. assemblies.Select(Assembly.Load)]).Build();
        return rule.Evaluate(architecture).Where(result => !result.Passed).Select(result => result.Description);
    }
}
