using System.Text.RegularExpressions;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests.Documentation;

/// <summary>Runs the manifests and commands of documents, in the order of the page, on a local mesh with samples/canary. What needs a real
/// cluster is marked.</summary>
public sealed partial class DocumentRunTests(LocalMeshProcess mesh) : IClassFixture<LocalMeshProcess>
{
    /// <summary>Commands that run elsewhere: the file that runs them, and what it has of them.</summary>
    private static readonly Dictionary<string, (string File, string Text)> RunElsewhere = new(StringComparer.Ordinal)
    {
        ["dotnet run --project operator/MeshOperator -- local --apply samples/canary"] = (
            "tests/interop/canary.sh",
            "--apply samples/canary"
        ),
    };

    private static readonly string[] Reading = ["kubectl get", "meshop ca status", "meshop check-inject"];
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(45);

    public static TheoryData<string> Pages => [.. Document.All.Where(d => d.Blocks.Any(b => b.IsRun)).Select(d => d.Path)];

    [Theory]
    [MemberData(nameof(Pages))]
    public async Task Manifests_and_commands_of_a_page_work(string path)
    {
        var blocks = Document.All.Single(d => d.Path == path).Blocks.Where(b => b.IsRun).ToArray();
        if (blocks.Any(b => b.Language != "yaml"))
            Assert.SkipWhen(Programs.Find("kubectl") is null, $"the commands of {path} need kubectl on the PATH");
        try
        {
            foreach (var block in blocks)
            {
                var where = $"{path}:{block.Line}";
                if (block.Language == "yaml")
                    await ApplyAsync(block, where);
                else if (block.Language == "console")
                    await ConverseAsync(block, where);
                else
                    await RunAsync(block, where);
            }
        }
        finally
        {
            await mesh.ResetAsync();
        }
    }

    private async Task ApplyAsync(Block block, string where)
    {
        try
        {
            await mesh.ApplyAsync(block.Text);
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"{where}: {e.Message}", e);
        }
    }

    private async Task RunAsync(Block block, string where)
    {
        var commands = Commands(block.Text).ToArray();
        foreach (var command in commands.Where(RunElsewhere.ContainsKey))
        {
            var (file, text) = RunElsewhere[command];
            var script = await File.ReadAllTextAsync(Path.Combine(Document.Root, file), TestContext.Current.CancellationToken);
            script.ShouldContain(text, customMessage: $"{where}: {file} should run {command}");
        }

        if (commands.All(RunElsewhere.ContainsKey))
            return;
        var (status, output) = await mesh.RunAsync(block.Text);
        status.ShouldBe(0, $"{where}: {output}");
    }

    /// <summary>Commands after a dollar sign, each followed by its output. Reading commands are repeated until it comes, as statuses need a
    /// moment.</summary>
    private async Task ConverseAsync(Block block, string where)
    {
        foreach (var (command, expected) in Exchanges(block.Text))
        {
            if (Reading.Any(verb => command.StartsWith(verb, StringComparison.Ordinal)))
                await Eventually.Succeeds(AnswersAsync, Within);
            else
                await AnswersAsync();

            async Task AnswersAsync()
            {
                var (_, output) = await mesh.RunAsync(command);
                if (!Matches(expected, output))
                    throw new InvalidOperationException($"{where}: {command}\n--- expected\n{expected}\n--- actual\n{output}");
            }
        }
    }

    private static IEnumerable<(string Command, string Output)> Exchanges(string text)
    {
        var lines = text.Split('\n');
        for (var i = 0; i < lines.Length; )
        {
            lines[i].ShouldStartWith("$ ");
            var command = lines[i++][2..];
            while (command.EndsWith('\\'))
                command = $"{command[..^1]} {lines[i++].Trim()}";
            var output = lines[i..].TakeWhile(l => !l.StartsWith("$ ", StringComparison.Ordinal)).ToArray();
            i += output.Length;
            yield return (command, string.Join('\n', output).Trim());
        }
    }

    private static IEnumerable<string> Commands(string text) =>
        text.Replace("\\\n", " ", StringComparison.Ordinal)
            .Split('\n', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Where(l => !l.StartsWith('#'));

    /// <summary>Line by line, spaces and ages apart; an ellipsis stands for the rest of a line, or alone for any further lines.</summary>
    private static bool Matches(string expected, string actual)
    {
        var (wanted, got) = (Lines(expected), Lines(actual));
        if (wanted is [.., "…"])
            (wanted, got) = (wanted[..^1], [.. got.Take(wanted.Length - 1)]);
        return wanted.Length == got.Length && wanted.Zip(got).All(pair => Regex.IsMatch(pair.Second, Pattern(pair.First)));
    }

    private static string Pattern(string line) =>
        $"^{Age().Replace(Regex.Escape(line), @"\S+").Replace("…", ".*", StringComparison.Ordinal)}$";

    private static string[] Lines(string text) =>
        [.. text.Split('\n').Select(l => Spaces().Replace(l, " ").Trim()).Where(l => l.Length > 0)];

    [GeneratedRegex(@"\s+")]
    private static partial Regex Spaces();

    /// <summary>In an escaped line: the last column of a table.</summary>
    [GeneratedRegex(@"(?<=\\ )[0-9]+(s|m|h)([0-9]+s)?$")]
    private static partial Regex Age();
}
