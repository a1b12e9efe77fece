namespace MeshOperator.Checks;

/// <summary>How CRDs become part of a Helm release. Helm changes no object that exists and is not its release's own.</summary>
/// <remarks>
/// Needed once for CRDs that an earlier chart had in its folder <c>crds/</c>, and for those that stayed when a release with another name
/// was uninstalled. Helm itself can do it from 3.17 on (<c>--take-ownership</c>).
/// </remarks>
internal static class CrdOwnership
{
    /// <summary>A command for a shell that gives the release all CRDs of the mesh. It changes no policy.</summary>
    /// <param name="release">The name of the Helm release.</param>
    /// <param name="releaseNamespace">The namespace that it is installed in.</param>
    public static string Command(string release, string releaseNamespace) =>
        "kubectl get crds -o name | grep '\\.meshoperator\\.io$' | xargs kubectl patch --type merge -p '"
        + """{"metadata":{"labels":{"app.kubernetes.io/managed-by":"Helm"},"""
        + $$$$"""
            "annotations":{"meta.helm.sh/release-name":"{{{{release}}}}","meta.helm.sh/release-namespace":"{{{{releaseNamespace}}}}"}}}'
            """;
}
