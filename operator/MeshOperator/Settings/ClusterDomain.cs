namespace MeshOperator.Settings;

/// <summary>The domain of the cluster's names, as the pod's own DNS says it: the kubelet writes <c>svc.DOMAIN</c> among the domains that
/// are searched.</summary>
internal static class ClusterDomain
{
    /// <summary>Where nothing else is said.</summary>
    public const string Default = "cluster.local";

    private const string ResolverFile = "/etc/resolv.conf";
    private const string ServicePrefix = "svc.";

    /// <summary>Reads it where this program runs.</summary>
    public static string Read() => File.Exists(ResolverFile) ? Find(File.ReadAllText(ResolverFile)) : Default;

    /// <summary>Finds it in the text of a <c>resolv.conf</c>. The last list of domains counts.</summary>
    public static string Find(string resolverConfiguration)
    {
        ArgumentNullException.ThrowIfNull(resolverConfiguration);
        var domains = resolverConfiguration
            .Split('\n')
            .Select(line => line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))
            .LastOrDefault(words => words is ["search", ..]);
        var found = domains?.FirstOrDefault(domain => domain.StartsWith(ServicePrefix, StringComparison.Ordinal));
        return found is { Length: > 4 } ? found[ServicePrefix.Length..].TrimEnd('.') : Default;
    }
}
