using MeshOperator.Commands;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests.Documentation;

/// <summary><c>docs/local-mesh.md</c> has what stand-ins can be asked for.</summary>
public sealed class LocalMeshPageTests
{
    private static readonly string[] Prefixes = ["local.meshoperator.io/", "x-standin-"];

    [Fact]
    public void Page_lists_all_annotations_and_headers_that_stand_ins_follow()
    {
        var page = File.ReadAllText(Path.Combine(Repository.Root, "docs/local-mesh.md"));
        var names = typeof(GenerateCommand)
            .Assembly.GetTypes()
            .SelectMany(type => type.GetFields().Where(field => field.IsLiteral && field.FieldType == typeof(string)))
            .Select(field => (string)field.GetRawConstantValue()!)
            .Where(value => Prefixes.Any(prefix => value.StartsWith(prefix, StringComparison.Ordinal)))
            .ToArray();

        names.Length.ShouldBeGreaterThan(8);
        foreach (var name in names)
            page.ShouldContain($"| `{name}` |");
    }
}
