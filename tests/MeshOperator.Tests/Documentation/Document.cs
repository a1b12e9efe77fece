using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;

namespace MeshOperator.Tests.Documentation;

/// <summary>A fenced block of a document.</summary>
/// <param name="Line">Where it begins, from 1.</param>
/// <param name="Language">The first word after the fence.</param>
/// <param name="Mark">The other words after the fence; empty where there are none.</param>
/// <param name="Text">What is in it.</param>
internal sealed record Block(int Line, string Language, string Mark, string Text)
{
    /// <summary>Marks a block that only a real cluster can run.</summary>
    public const string NeedsCluster = "needs-cluster";

    /// <summary>Marks chart values.</summary>
    public const string Values = "values";

    /// <summary>Whether a test must run it: an unmarked manifest or command.</summary>
    public bool IsRun => Language is "yaml" or "sh" or "console" && Mark.Length == 0;
}

/// <summary>A document of the repository.</summary>
internal sealed partial class Document
{
    private Document(string path)
    {
        Path = path;
        Lines = File.ReadAllLines(System.IO.Path.Combine(Root, path));
        (Blocks, Prose) = Read(Lines);
        Anchors = ReadAnchors(Prose);
    }

    /// <summary>The root of the repository.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>All documents that people write or that <c>meshop generate</c> makes.</summary>
    public static IReadOnlyList<Document> All { get; } =
    [
        .. new[] { "README.md", "ARCHITECTURE.md", "CONTRIBUTING.md" }
            .Concat(Find("docs"))
            .Concat(Find("samples"))
            .Concat(Find("tests"))
            .Where(path => !path.Contains("/bin/", StringComparison.Ordinal) && !path.Contains("/obj/", StringComparison.Ordinal))
            .Select(path => new Document(path)),
    ];

    /// <summary>From the root, with forward slashes.</summary>
    public string Path { get; }

    public IReadOnlyList<string> Lines { get; }

    public IReadOnlyList<Block> Blocks { get; }

    /// <summary>The lines outside of blocks, with their numbers.</summary>
    public IReadOnlyList<(int Line, string Text)> Prose { get; }

    /// <summary>What a link can name after the sign #.</summary>
    public IReadOnlySet<string> Anchors { get; }

    /// <summary>The targets of links, with the number of the line.</summary>
    public IEnumerable<(int Line, string Target)> Links =>
        Prose.SelectMany(p => Link().Matches(Code().Replace(p.Text, string.Empty)).Select(m => (p.Line, m.Groups[1].Value)));

    public override string ToString() => Path;

    private static IEnumerable<string> Find(string folder) =>
        Directory
            .EnumerateFiles(System.IO.Path.Combine(Root, folder), "*.md", SearchOption.AllDirectories)
            .Select(file => System.IO.Path.GetRelativePath(Root, file).Replace('\\', '/'))
            .Order(StringComparer.Ordinal);

    private static (List<Block> Blocks, List<(int, string)> Prose) Read(IReadOnlyList<string> lines)
    {
        var (blocks, prose) = (new List<Block>(), new List<(int, string)>());
        for (var i = 0; i < lines.Count; i++)
        {
            if (Fence().Match(lines[i]) is not { Success: true } fence)
            {
                prose.Add((i + 1, lines[i]));
                continue;
            }

            var (begin, indent) = (i + 1, fence.Groups[1].Length);
            var words = fence.Groups[2].Value.Split(' ', 2, StringSplitOptions.TrimEntries);
            var text = new List<string>();
            for (i++; i < lines.Count && lines[i].Trim() != "```"; i++)
                text.Add(lines[i].Length > indent ? lines[i][indent..] : lines[i].TrimStart());
            blocks.Add(new Block(begin, words[0], words.Length > 1 ? words[1] : string.Empty, string.Join('\n', text)));
        }

        return (blocks, prose);
    }

    /// <summary>By GitHub's rules.</summary>
    private static HashSet<string> ReadAnchors(IEnumerable<(int Line, string Text)> prose)
    {
        var anchors = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (_, text) in prose)
        {
            if (Heading().Match(text) is not { Success: true } heading)
                continue;
#pragma warning disable CA1308 // Anchors are in lower case.
            var slug = NotOfAnchors().Replace(heading.Groups[1].Value.ToLowerInvariant(), string.Empty).Replace(' ', '-');
#pragma warning restore CA1308
            var anchor = slug;
            for (var i = 1; !anchors.Add(anchor); i++)
                anchor = $"{slug}-{i}";
        }

        return anchors;
    }

    private static string FindRoot([CallerFilePath] string here = "") =>
        System.IO.Path.GetFullPath(System.IO.Path.Combine(here, "../../../.."));

    [GeneratedRegex("^( *)```(.+)$")]
    private static partial Regex Fence();

    [GeneratedRegex("^#{1,6} (.+?) *$")]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\p{L}\p{N} _-]")]
    private static partial Regex NotOfAnchors();

    [GeneratedRegex(@"\[[^\]]*\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex("`[^`]*`")]
    private static partial Regex Code();
}
