using Spectre.Console;

namespace MeshOperator.Output;

/// <summary>A table as a command prints it: without borders, a line a row, and never cut, so that <c>grep</c> and <c>awk</c> can read
/// it.</summary>
internal static class PlainTable
{
    private const int Gap = 3;

    /// <summary>Wider than any row, so that none is broken.</summary>
    private const int Width = 100_000;

    /// <summary>The table's lines.</summary>
    /// <param name="header">The names of the columns; empty for a table without them.</param>
    /// <param name="rows">The cells of each row, as many in each.</param>
    public static IReadOnlyList<string> Render(IReadOnlyList<string> header, IReadOnlyList<IReadOnlyList<string>> rows)
    {
        if (rows.Count == 0)
            return [];
        var table = new Table { ShowHeaders = header.Count > 0 }.NoBorder();
        for (var column = 0; column < rows[0].Count; column++)
            table.AddColumn(new TableColumn(new Text(header.ElementAtOrDefault(column) ?? string.Empty)).NoWrap().Padding(0, 0, Gap, 0));
        foreach (var row in rows)
            table.AddRow(row.Select(cell => new Text(cell)));
        using var text = new StringWriter();
        var console = AnsiConsole.Create(
            new AnsiConsoleSettings
            {
                Out = new AnsiConsoleOutput(text),
                Ansi = AnsiSupport.No,
                Interactive = InteractionSupport.No,
            }
        );
        console.Profile.Width = Width;
        console.Write(table);
        return [.. text.ToString().Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.TrimEnd())];
    }
}
