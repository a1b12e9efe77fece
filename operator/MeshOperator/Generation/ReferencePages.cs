using System.CommandLine;

namespace MeshOperator.Generation;

/// <summary>The pages of <c>docs/reference</c>.</summary>
internal static class ReferencePages
{
    private const string Folder = "docs/reference/";
    private const string ChartValues = "charts/mesh-operator/values.yaml";

    /// <summary>Path from the root of the repository to content.</summary>
    /// <param name="entities">All kinds that have a CRD.</param>
    /// <param name="root">The repository; the chart's values are read there, and have no page where they are not.</param>
    /// <param name="program">The command line.</param>
    public static IEnumerable<(string Path, string Content)> All(IEnumerable<Type> entities, DirectoryInfo root, RootCommand program)
    {
        yield return ($"{Folder}crds.md", CrdPage.Create(entities));
        yield return ($"{Folder}conditions.md", ConditionsPage.Create());
        yield return ($"{Folder}annotations.md", AnnotationsPage.Create());
        yield return ($"{Folder}metrics.md", MetricsPage.Create());
        yield return ($"{Folder}cli.md", CliPage.Create(program));
#if LOCAL_MESH
        yield return ($"{Folder}built-in-proxy.md", BuiltInProxyPage.Create());
#endif
        var values = Path.Combine(root.FullName, ChartValues);
        if (File.Exists(values))
            yield return ($"{Folder}helm-values.md", HelmValuesPage.Create(File.ReadAllText(values)));
    }
}
