using MeshOperator.Output;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests;

public sealed class PlainTableTests
{
    [Fact]
    public void Columns_are_aligned_and_lines_end_with_their_last_cell() =>
        PlainTable
            .Render(
                ["POD", "REASON"],
                [
                    ["pod/a", "[none] of it"],
                    ["pod/longer", string.Empty],
                ]
            )
            .ShouldBe(["POD          REASON", "pod/a        [none] of it", "pod/longer"]);

    [Fact]
    public void A_long_cell_stays_on_its_line()
    {
        var reason = string.Join(' ', Enumerable.Repeat("because", 400));
        PlainTable
            .Render(
                [],
                [
                    ["pod/a", reason],
                ]
            )
            .ShouldBe(["pod/a   " + reason]);
    }

    [Fact]
    public void A_table_without_rows_prints_nothing() => PlainTable.Render(["POD"], []).ShouldBeEmpty();
}
