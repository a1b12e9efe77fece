using System.Reflection;
using System.Text.RegularExpressions;
using MeshOperator.Api;
using MeshOperator.Authority;
using MeshOperator.Certificates.Rotation;
using MeshOperator.Generation;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests.Documentation;

/// <summary>The reference has everything that the program has.</summary>
public sealed partial class ReferenceTests
{
    /// <summary>Words in such files that are no reasons.</summary>
    private static readonly string[] NoReasons = ["Unknown", "True", "False"];

    /// <summary>What files have that make conditions.</summary>
    private static readonly string[] Signs = ["Finding(", "Unresolved(", "Refusal"];

    private static readonly string[] Projects = ["MeshOperator.Mesh/", "/MeshOperator/"];

    /// <summary>What <c>meshop check</c> finds goes into no status.</summary>
    private const string OfCommands = "/MeshOperator/Checks/";

    private static readonly string[] Declarations = ["ConditionReasons.cs", "ConditionTypes.cs"];

    private static readonly string[] Known = [.. Constants(typeof(ConditionReasons)).Concat(Constants(typeof(ConditionTypes)))];

    [Fact]
    public void Each_reason_that_the_program_gives_is_in_the_reference()
    {
        var found = SourceFiles()
            .Where(f => Signs.Any(sign => f.Text.Contains(sign, StringComparison.Ordinal)))
            .Where(f => !f.Path.Contains(OfCommands, StringComparison.Ordinal))
            .Where(f => Projects.Any(project => f.Path.Contains(project, StringComparison.Ordinal)))
            .SelectMany(f => Word().Matches(f.Text).Select(m => (f.Path, Word: m.Groups[1].Value)))
            .Where(w => !NoReasons.Contains(w.Word))
            .ToArray();
        foreach (var (path, word) in found)
            Known.ShouldContain(word, $"{path} has a reason that {nameof(ConditionReasons)} lacks");
        foreach (var phase in Enum.GetNames<RotationPhase>())
            Known.ShouldContain(phase);
        foreach (var nearness in Enum.GetNames<Nearness>().Where(n => n.StartsWith("Within", StringComparison.Ordinal)))
            Known.ShouldContain($"Expires{nearness}");
    }

    [Fact]
    public void The_reference_has_no_reason_that_the_program_never_gives()
    {
        var text = string.Concat(SourceFiles().Where(f => !Declarations.Contains(Path.GetFileName(f.Path))).Select(f => f.Text));
        foreach (var reason in Constants(typeof(ConditionReasons)))
        {
            if (Enum.GetNames<RotationPhase>().Contains(reason) || reason.StartsWith("ExpiresWithin", StringComparison.Ordinal))
                continue;
            Regex.IsMatch(text, $"\"{reason}\"|ConditionReasons\\.{reason}\\b").ShouldBeTrue($"nothing gives the reason {reason}");
        }
    }

    [Fact]
    public void Each_reason_says_what_it_means_and_what_to_do()
    {
        var docstrings = new Docstrings(typeof(ConditionReasons).Assembly);
        foreach (var field in typeof(ConditionReasons).GetFields())
        {
            docstrings.Summary(field).ShouldEndWith(".", customMessage: field.Name);
            docstrings.Remarks(field).ShouldEndWith(".", customMessage: field.Name);
            field.GetCustomAttributes<ConditionAttribute>().ShouldNotBeEmpty(field.Name);
        }
    }

    [Fact]
    public void Chart_values_that_annotations_name_exist()
    {
        var chart = File.ReadAllText(Path.Combine(Document.Root, "charts/mesh-operator/values.yaml"));
        var values = HelmValuesPage.Read(chart).Select(v => v.Path).ToArray();
        foreach (Match row in AnnotationRow().Matches(AnnotationsPage.Create()))
            values.ShouldContain(row.Groups[1].Value);
    }

    [Fact]
    public void Each_chart_value_has_a_default_that_is_read_from_the_file()
    {
        var values = HelmValuesPage.Read("# One.\na: 1\nb:\n  # Two,\n  # and more.\n  c: \"\"\n  d: []  # Three.\n");
        values.ShouldBe([("a", "1", "One."), ("b.c", "\"\"", "Two, and more."), ("b.d", "[]", "Three.")]);
    }

    private static IEnumerable<string> Constants(Type type) =>
        type.GetFields().Where(f => f.IsLiteral).Select(f => (string)f.GetRawConstantValue()!);

    /// <summary>The program's sources without docstrings.</summary>
    private static IEnumerable<(string Path, string Text)> SourceFiles() =>
        Directory
            .EnumerateFiles(Path.Combine(Document.Root, "operator"), "*.cs", SearchOption.AllDirectories)
            .Select(f => f.Replace('\\', '/'))
            .Where(f => !new[] { "/obj/", "/bin/", "LocalCluster" }.Any(part => f.Contains(part, StringComparison.Ordinal)))
            .Select(f => (f, string.Join('\n', File.ReadLines(f).Where(l => !l.TrimStart().StartsWith("///", StringComparison.Ordinal)))));

    /// <summary>A literal that looks like a reason: words in Pascal case.</summary>
    [GeneratedRegex("\"((?:[A-Z][a-z]+){1,5})\"")]
    private static partial Regex Word();

    [GeneratedRegex(@"^\| `meshoperator\.io/[a-z-]+` \| `([A-Za-z.]+)` \|", RegexOptions.Multiline)]
    private static partial Regex AnnotationRow();
}
