using System.Text.RegularExpressions;
using MeshOperator.Kubernetes.Manifests;

namespace MeshOperator.Tests.Goldens;

/// <summary>The lines <c># name: value, value</c> among the comments at the top of a case. A name that has no meaning is an error: a typing
/// mistake would else make a case show something other than it says.</summary>
internal sealed partial class GoldenDirectives
{
    private static readonly HashSet<string> Known =
    [
        "show",
        "only",
        "access-log",
        "tracing",
        "tracing-sampling",
        "default-upstreams",
        "header-case",
        "pod-families",
        "kubernetes",
    ];
    private readonly List<(string Name, string Value)> _lines;

    public GoldenDirectives(string manifests)
    {
        _lines =
        [
            .. manifests
                .Split('\n')
                .TakeWhile(line => line.StartsWith('#'))
                .Select(line => Line().Match(line))
                .Where(m => m.Success)
                .Select(m => (m.Groups[1].Value, m.Groups[2].Value)),
        ];
        if (_lines.Find(line => !Known.Contains(line.Name)).Name is { } unknown)
            throw new ManifestException($"'# {unknown}:' has no meaning at the top of a case; known are {string.Join(", ", Known)}");
    }

    /// <summary>The value of a line; null when there is none.</summary>
    public string? Value(string name) => _lines.Find(line => line.Name == name).Value;

    /// <summary>The values of a line that may stand several times, separated by commas.</summary>
    public IReadOnlyList<string> List(string name) =>
        [.. _lines.Where(line => line.Name == name).SelectMany(line => line.Value.Split(',', StringSplitOptions.TrimEntries))];

    [GeneratedRegex("^# ([a-z-]+): *(.*?) *$", RegexOptions.CultureInvariant)]
    private static partial Regex Line();
}
