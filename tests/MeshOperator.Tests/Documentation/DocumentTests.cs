using System.Diagnostics;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using MeshOperator.Generation;
using MeshOperator.Kubernetes.Manifests;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests.Documentation;

/// <summary>What can be checked of the documents by reading them.</summary>
public sealed partial class DocumentTests
{
    private static readonly string[] Languages = ["sh", "console", "yaml", "json", "text", "mermaid", "csharp", "promql", "lua"];

    /// <summary>Words for which the house has better ones. The pages of <c>docs/reference</c> show those of the program too.</summary>
    private static readonly string[] Unwanted =
    [
        "under way",
        "passing failure",
        "left alone",
        "made anew",
        "time-out",
        "looked after",
        "what is not there yet",
        "speaks against",
        "is told",
        "are told",
        "tells",
        "arrive as they come",
        "leave as they go",
        "per cent",
        "taken over",
        "of it is in effect",
        "held up by",
        "wished for",
    ];

    /// <summary>Names and text of all sources, joined.</summary>
    private static readonly Lazy<string> Sources = new(() =>
        string.Concat(
            new[] { "operator", "tests" }
                .SelectMany(folder => Directory.EnumerateFiles(Path.Combine(Document.Root, folder), "*.*", SearchOption.AllDirectories))
                .Select(file => file.Replace('\\', '/'))
                .Where(file => file.EndsWith(".cs", StringComparison.Ordinal) || file.EndsWith(".sh", StringComparison.Ordinal))
                .Where(file => !file.Contains("/obj/", StringComparison.Ordinal) && !file.Contains("/bin/", StringComparison.Ordinal))
                .Select(file => $"{Path.GetFileName(file)}\n{File.ReadAllText(file)}")
        )
    );

    public static TheoryData<string> Paths => [.. Document.All.Select(d => d.Path)];

    [Theory]
    [MemberData(nameof(Paths))]
    public void Links_lead_to_files_and_headings_that_exist(string path)
    {
        var document = Find(path);
        foreach (var (line, target) in document.Links)
        {
            if (target.StartsWith("https://", StringComparison.Ordinal))
                continue;
            var parts = target.Split('#', 2);
            var linked = parts[0].Length == 0 ? path : Resolve(path, parts[0]);
            var file = Path.Combine(Document.Root, linked);
            (File.Exists(file) || Directory.Exists(file)).ShouldBeTrue($"{path}:{line} links to {target}, which does not exist");
            if (parts.Length == 2)
                Find(linked).Anchors.ShouldContain(parts[1], $"{path}:{line} links to {target}, which is no heading");
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Each_block_names_its_language_and_a_known_mark(string path)
    {
        foreach (var block in Find(path).Blocks)
        {
            Languages.ShouldContain(block.Language, $"{path}:{block.Line}");
            if (block.Mark.Length > 0)
                new[] { Block.NeedsCluster, Block.Values }.ShouldContain(block.Mark, $"{path}:{block.Line}");
        }
    }

    /// <summary>What needs a cluster is not run, but must be well-formed.</summary>
    [Theory]
    [MemberData(nameof(Paths))]
    public async Task Marked_blocks_can_be_read_by_a_shell_or_as_YAML(string path)
    {
        foreach (var block in Find(path).Blocks.Where(b => b.Mark == Block.NeedsCluster))
        {
            var where = $"{path}:{block.Line}";
            if (block.Language == "yaml")
            {
                // Parts of objects have no kind.
                var isWhole = block.Text.StartsWith("apiVersion", StringComparison.Ordinal);
                var text = isWhole ? block.Text : $"apiVersion: v1\nkind: Part\n{block.Text}";
                Should.NotThrow(() => ManifestReader.Read(text).ToArray(), where);
                continue;
            }

            if (OperatingSystem.IsWindows())
                continue;
            using var shell = Process.Start(new ProcessStartInfo("bash", ["-n", "-c", block.Text]) { RedirectStandardError = true })!;
            var error = await shell.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
            await shell.WaitForExitAsync(TestContext.Current.CancellationToken);
            shell.ExitCode.ShouldBe(0, $"{where}: {error}");
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Chart_values_in_documents_exist(string path)
    {
        var values = File.ReadAllText(Path.Combine(Document.Root, "charts/mesh-operator/values.yaml"));
        var known = HelmValuesPage.Read(values).Select(v => v.Path).ToArray();
        foreach (var block in Find(path).Blocks.Where(b => b.Mark == Block.Values))
        {
            var given = ManifestReader.Read("kind: Values\napiVersion: v1\n" + block.Text).Single();
            foreach (var leaf in Leaves(given, string.Empty).Where(l => l is not ("kind" or "apiVersion")))
            {
                var isKnown = known.Any(k => k == leaf || leaf.StartsWith(k + ".", StringComparison.Ordinal));
                isKnown.ShouldBeTrue($"{path}:{block.Line}: the chart has no value {leaf}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public void Documents_use_the_words_of_the_field(string path)
    {
        if (path.StartsWith("tests/", StringComparison.Ordinal))
            return;
        foreach (var (line, text) in Find(path).Prose)
        {
            foreach (var word in Unwanted)
                Regex.IsMatch(text, $@"\b{word}\b", RegexOptions.IgnoreCase).ShouldBeFalse($"{path}:{line} has '{word}': {text}");
        }
    }

    [Fact]
    public void Comments_in_samples_and_chart_values_use_the_words_of_the_field()
    {
        foreach (var folder in new[] { "samples", "charts/mesh-operator/values.yaml", "charts/mesh-operator/templates/NOTES.txt" })
        {
            var path = Path.Combine(Document.Root, folder);
            string[] files = File.Exists(path) ? [path] : Directory.GetFiles(path, "*.yaml", SearchOption.AllDirectories);
            foreach (var file in files)
            {
                var text = File.ReadAllText(file);
                foreach (var word in Unwanted)
                    Regex.IsMatch(text, $@"\b{word}\b", RegexOptions.IgnoreCase).ShouldBeFalse($"{file} has '{word}'");
            }
        }
    }

    /// <summary>Comments, messages, names of tests and of golden cases: all that stands in code and test data.</summary>
    [Fact]
    public void Code_and_test_data_use_the_words_of_the_field()
    {
        var unwanted = new Regex(
            $@"(?<![\w-])({string.Join('|', Unwanted.Select(word => word.Replace(" ", "[ _]", StringComparison.Ordinal)))})(?![\w-])"
                + "|_(told|tells|anew)_",
            RegexOptions.IgnoreCase
        );
        var data = Directory
            .EnumerateFiles(Path.Combine(Document.Root, "tests/testdata"), "in.yaml", SearchOption.AllDirectories)
            .Concat(Directory.EnumerateFiles(Path.Combine(Document.Root, "tests/interop"), "*.sh"))
            .Select(file => Path.GetRelativePath(Document.Root, file));
        foreach (var file in Repository.SourceFiles().Concat(data))
        {
            if (Path.GetFileName(file) == "DocumentTests.cs")
                continue;
            var found = unwanted.Match(File.ReadAllText(Path.Combine(Document.Root, file)));
            found.Success.ShouldBeFalse($"{file} has '{found.Value}'");
        }
    }

    /// <summary>Documents for developers name types and folders, which others rename.</summary>
    [Theory]
    [MemberData(nameof(Paths))]
    public void Types_and_folders_in_documents_for_developers_exist(string path)
    {
        if (path is not ("ARCHITECTURE.md" or "CONTRIBUTING.md") && !path.StartsWith("docs/decisions/", StringComparison.Ordinal))
            return;
        foreach (var (line, text) in Find(path).Prose)
        {
            foreach (var name in CodeSpan().Matches(text).Select(m => m.Groups[1].Value))
            {
                if (TypeName().IsMatch(name))
                    Sources.Value.ShouldContain(name, customMessage: $"{path}:{line}: no source has {name}");
                if (!Folder().IsMatch(name))
                    continue;
                var folder = name.StartsWith("MeshOperator", StringComparison.Ordinal) ? name : $"MeshOperator.{name}";
                Directory.Exists(Path.Combine(Document.Root, "operator", folder)).ShouldBeTrue($"{path}:{line}: there is no folder {name}");
            }
        }
    }

    [Fact]
    public void Each_page_can_be_reached_from_the_README()
    {
        var (reached, next) = (new HashSet<string>(StringComparer.Ordinal) { "README.md" }, new Queue<string>(["README.md"]));
        while (next.TryDequeue(out var path))
        {
            foreach (var (_, target) in Find(path).Links.Where(l => !l.Target.StartsWith("https://", StringComparison.Ordinal)))
            {
                var linked = Resolve(path, target.Split('#')[0]);
                if (Document.All.Any(d => d.Path == linked) && reached.Add(linked))
                    next.Enqueue(linked);
            }
        }

        Document.All.Select(d => d.Path).Where(p => !reached.Contains(p)).ShouldBeEmpty();
    }

    [Fact]
    public void The_README_is_short() => Find("README.md").Lines.Count.ShouldBeInRange(80, 110);

    [Fact]
    public void Documents_do_not_name_commands_or_options_that_the_program_lacks()
    {
        const string heading = "## meshop ";
        var reference = Find("docs/reference/cli.md");
        var commands = reference
            .Prose.Select(p => p.Text)
            .Where(t => t.StartsWith(heading, StringComparison.Ordinal))
            .Select(t => t[heading.Length..] + " ")
            .ToArray();
        foreach (var document in Document.All.Where(d => d != reference))
        {
            foreach (var (line, text) in document.Lines.Select((text, i) => (i + 1, text)))
            {
                foreach (Match use in Use().Matches(text))
                {
                    var name = use.Groups[1].Value + " ";
                    commands.ShouldContain(c => name.StartsWith(c, StringComparison.Ordinal), $"{document.Path}:{line}: meshop {name}");
                    foreach (var option in Option().Matches(use.Groups[2].Value).Select(m => m.Value))
                    {
                        var isKnown = reference.Lines.Any(l => l.Contains($"`{option}`", StringComparison.Ordinal));
                        isKnown.ShouldBeTrue($"{document.Path}:{line}: {option}");
                    }
                }
            }
        }
    }

    private static IEnumerable<string> Leaves(JsonNode? node, string path) =>
        node is JsonObject { Count: > 0 } map ? map.SelectMany(p => Leaves(p.Value, path.Length == 0 ? p.Key : $"{path}.{p.Key}")) : [path];

    private static Document Find(string path) => Document.All.Single(d => d.Path == path);

    private static string Resolve(string from, string target)
    {
        var path = Path.GetFullPath(Path.Combine(Document.Root, Path.GetDirectoryName(from)!, target));
        return Path.GetRelativePath(Document.Root, path).Replace('\\', '/').TrimEnd('/');
    }

    [GeneratedRegex(@"\bmeshop ((?:ca |inject|check-inject|generate|local|run)[a-z]*)([^`|]*)")]
    private static partial Regex Use();

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex CodeSpan();

    [GeneratedRegex("^[A-Z][A-Za-z]+$")]
    private static partial Regex TypeName();

    [GeneratedRegex("^(?:Kubernetes|Mesh|Xds|Injection|MeshOperator)/[A-Z][A-Za-z/]+$")]
    private static partial Regex Folder();

    [GeneratedRegex("(?<![a-z-])--[a-z][a-z-]+")]
    private static partial Regex Option();
}
