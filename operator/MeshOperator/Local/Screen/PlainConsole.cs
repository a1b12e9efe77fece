using Spectre.Console;

namespace MeshOperator.Local.Screen;

/// <summary>A console for tables that are written once.</summary>
internal static class PlainConsole
{
    /// <summary>Wide enough that no row is broken where nobody looks at a terminal.</summary>
    private const int WideEnough = 200;

    /// <summary>A console that writes to <paramref name="output"/>, with colours on a terminal only.</summary>
    public static IAnsiConsole Create(TextWriter output)
    {
        var isTerminal = ReferenceEquals(output, Console.Out) && !Console.IsOutputRedirected;
        var console = AnsiConsole.Create(
            new AnsiConsoleSettings
            {
                Out = new AnsiConsoleOutput(output),
                Ansi = isTerminal ? AnsiSupport.Detect : AnsiSupport.No,
                Interactive = InteractionSupport.No,
            }
        );
        if (!isTerminal)
            console.Profile.Width = WideEnough;
        return console;
    }
}
