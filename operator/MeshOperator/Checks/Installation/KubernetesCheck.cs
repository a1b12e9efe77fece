using MeshOperator.Injection;

namespace MeshOperator.Checks.Installation;

/// <summary>Whether the cluster's version is supported.</summary>
internal static class KubernetesCheck
{
    private static readonly KubernetesVersion Oldest = new(1, 25);

    public static Finding Find(KubernetesVersion? version)
    {
        if (version is not { } known)
            return Finding.Warning(CheckNames.Kubernetes, "the API server's version cannot be read; MeshOperator needs 1.25 or later");
        var text = $"Kubernetes {known.Major}.{known.Minor}";
        if (known < Oldest)
            return Finding.Error(CheckNames.Kubernetes, $"{text} is too old; upgrade the cluster to 1.25 or later");
        return known < KubernetesVersion.NativeSidecars
            ? Finding.Warning(
                CheckNames.Kubernetes,
                $"{text} has no native sidecars: pods of Jobs run on until their sidecar is ended; upgrade to 1.29 or later, or leave "
                    + "Jobs out of the mesh"
            )
            : Finding.Ok(CheckNames.Kubernetes, $"{text}, with native sidecars");
    }
}
