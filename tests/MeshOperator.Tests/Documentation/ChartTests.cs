using MeshOperator.Checks;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests.Documentation;

/// <summary>What people read about the chart is what the program and the chart do.</summary>
public sealed class ChartTests
{
    [Fact]
    public void The_page_on_upgrades_has_the_command_that_gives_CRDs_to_a_release() =>
        Read("docs/upgrade.md").ShouldContain(CrdOwnership.Command("mesh-operator", "mesh-system"));

    private static string Read(string path) => File.ReadAllText(Path.Combine(Document.Root, path));
}
