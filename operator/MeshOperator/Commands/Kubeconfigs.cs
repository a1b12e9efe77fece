using k8s;
using k8s.KubeConfigModels;

namespace MeshOperator.Commands;

/// <summary>Merges the files of <c>KUBECONFIG</c> as <c>kubectl</c> does: of what has a name the first counts, and the first current
/// context.</summary>
internal static class Kubeconfigs
{
    /// <exception cref="k8s.Exceptions.KubeConfigException">One cannot be read.</exception>
    public static K8SConfiguration Merge(IEnumerable<FileInfo> files)
    {
        K8SConfiguration[] all = [.. files.Select(Load)];
        var first = all[0];
        first.CurrentContext = all.Select(file => file.CurrentContext).FirstOrDefault(name => !string.IsNullOrEmpty(name));
        first.Contexts = [.. all.SelectMany(file => file.Contexts ?? []).DistinctBy(context => context.Name)];
        first.Clusters = [.. all.SelectMany(file => file.Clusters ?? []).DistinctBy(cluster => cluster.Name)];
        first.Users = [.. all.SelectMany(file => file.Users ?? []).DistinctBy(user => user.Name)];
        return first;
    }

    /// <summary>A file's own paths are relative to its folder.</summary>
    private static K8SConfiguration Load(FileInfo file)
    {
        var loaded = KubernetesClientConfiguration.LoadKubeConfig(file);
        foreach (var cluster in (loaded.Clusters ?? []).Select(cluster => cluster.ClusterEndpoint).OfType<ClusterEndpoint>())
            cluster.CertificateAuthority = Resolve(cluster.CertificateAuthority);
        foreach (var user in (loaded.Users ?? []).Select(user => user.UserCredentials).OfType<UserCredentials>())
        {
            user.ClientCertificate = Resolve(user.ClientCertificate);
            user.ClientKey = Resolve(user.ClientKey);
        }

        return loaded;

        string? Resolve(string? path) => string.IsNullOrEmpty(path) ? path : Path.Combine(file.DirectoryName!, path);
    }
}
