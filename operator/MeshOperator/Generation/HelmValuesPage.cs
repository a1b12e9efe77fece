namespace MeshOperator.Generation;

/// <summary><c>docs/reference/helm-values.md</c>: the chart's values, from <c>values.yaml</c> and the comments in it.</summary>
internal static class HelmValuesPage
{
    /// <param name="values">The text of the chart's <c>values.yaml</c>.</param>
    public static string Create(string values)
    {
        var page = new Markdown("Chart values", "`charts/mesh-operator/values.yaml` and its comments");
        page.Paragraph("Set them with `--set NAME=VALUE` or in a file given to Helm with `-f`.");
        AddTable(page, values);
        return page.ToString();
    }

    /// <summary>Adds the values, their defaults and descriptions.</summary>
    internal static void AddTable(Markdown page, string values) =>
        page.Table(
            ["Value", "Default", "Description"],
            Read(values).Select(v => (string[])[Markdown.Code(v.Path), Markdown.Code(v.Default), Markdown.Prose(v.Description)])
        );

    /// <summary>The values in the order of the file. Groups are among them where they have a comment, without a default.</summary>
    internal static IEnumerable<(string Path, string Default, string Description)> Read(string values)
    {
        var (parents, comment) = (new List<(int Indent, string Name)>(), new List<string>());
        foreach (var line in values.Split('\n'))
        {
            var text = line.Trim();
            if (text.StartsWith('#'))
            {
                comment.Add(text.TrimStart('#').Trim());
                continue;
            }

            if (text.IndexOf(':', StringComparison.Ordinal) is not (> 0 and var colon))
            {
                comment.Clear();
                continue;
            }

            var indent = line.Length - line.TrimStart().Length;
            parents.RemoveAll(p => p.Indent >= indent);
            var path = string.Join('.', parents.Select(p => p.Name).Append(text[..colon]));
            var (value, trailing) = SplitComment(text[(colon + 1)..]);
            var description = string.Join(' ', comment.Concat(trailing.Length > 0 ? [trailing] : []));
            comment.Clear();
            if (value.Length == 0)
                parents.Add((indent, text[..colon]));
            if (value.Length > 0 || description.Length > 0)
                yield return (path, value, description);
        }
    }

    private static (string Value, string Comment) SplitComment(string text)
    {
        var hash = text.IndexOf(" #", StringComparison.Ordinal);
        return hash < 0 ? (text.Trim(), string.Empty) : (text[..hash].Trim(), text[(hash + 2)..].Trim());
    }
}
