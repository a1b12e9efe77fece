using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using k8s;
using k8s.Exceptions;
using k8s.KubeConfigModels;
using MeshOperator.Kubernetes.Manifests;

namespace MeshOperator.Commands;

/// <summary>Merges the files of <c>KUBECONFIG</c> as <c>kubectl</c> does: of what has a name the first counts, and the first current
/// context.</summary>
internal static class Kubeconfigs
{
    /// <exception cref="KubeConfigException">One cannot be read.</exception>
    public static K8SConfiguration Merge(IEnumerable<FileInfo> files)
    {
        K8SConfiguration[] all = [.. files.Select(Load)];
        var first = all[0];
        first.CurrentContext = all.Select(file => file.CurrentContext).FirstOrDefault(name => !string.IsNullOrEmpty(name));
        first.Contexts = [.. all.SelectMany(file => file.Contexts).DistinctBy(context => context.Name)];
        first.Clusters = [.. all.SelectMany(file => file.Clusters).DistinctBy(cluster => cluster.Name)];
        first.Users = [.. all.SelectMany(file => file.Users).DistinctBy(user => user.Name)];
        return first;
    }

    /// <summary>How a kubeconfig reaches the cluster of a context.</summary>
    /// <param name="merged">The kubeconfig.</param>
    /// <param name="context">The context's name; null for the current one.</param>
    /// <exception cref="KubeConfigException">There is no such context, or its user's credentials cannot be had.</exception>
    public static KubernetesClientConfiguration Choose(K8SConfiguration merged, string? context)
    {
        var chosen = merged.Contexts.FirstOrDefault(c => c.Name == (context ?? merged.CurrentContext))?.ContextDetails?.User;
        var user = merged.Users.FirstOrDefault(u => u.Name == chosen);
        // The client library asks the program by way of reflection.
        if (user?.UserCredentials?.ExternalExecution is { } asked && !RuntimeFeature.IsDynamicCodeSupported)
            throw new KubeConfigException(
                $"user {user.Name} has its credentials from a program ({asked.Command}), which the operator's image does not ask; "
                    + "use meshop as a .NET tool or a file for your platform, or a kubeconfig with a token or a certificate"
            );
        return KubernetesClientConfiguration.BuildConfigFromConfigObject(merged, context);
    }

    private static K8SConfiguration Load(FileInfo file)
    {
        try
        {
            var root = YamlReader.ReadAll(File.ReadAllText(file.FullName)).Select(document => document.Root).FirstOrDefault();
            return root is JsonObject map
                ? Read(map, file.DirectoryName!)
                : throw new KubeConfigException($"{file.FullName} is no kubeconfig, which has clusters, users and contexts");
        }
        catch (Exception e) when (e is ManifestException or IOException or UnauthorizedAccessException)
        {
            throw new KubeConfigException($"{file.FullName} cannot be read as a kubeconfig: {e.Message}", e);
        }
    }

    private static K8SConfiguration Read(JsonObject map, string folder) =>
        new()
        {
            CurrentContext = Text(map, "current-context"),
            Contexts = Named(
                map,
                "contexts",
                "context",
                (name, context) =>
                    new Context
                    {
                        Name = name,
                        ContextDetails = new ContextDetails
                        {
                            Cluster = Text(context, "cluster"),
                            User = Text(context, "user"),
                            Namespace = Text(context, "namespace"),
                        },
                    }
            ),
            Clusters = Named(
                map,
                "clusters",
                "cluster",
                (name, cluster) =>
                    new Cluster
                    {
                        Name = name,
                        ClusterEndpoint = new ClusterEndpoint
                        {
                            Server = Text(cluster, "server"),
                            CertificateAuthority = FilePath(cluster, "certificate-authority", folder),
                            CertificateAuthorityData = Text(cluster, "certificate-authority-data"),
                            TlsServerName = Text(cluster, "tls-server-name"),
                            SkipTlsVerify = IsTrue(cluster, "insecure-skip-tls-verify"),
                        },
                    }
            ),
            Users = Named(map, "users", "user", (name, user) => new User { Name = name, UserCredentials = ReadUser(user, folder) }),
        };

    private static UserCredentials ReadUser(JsonObject user, string folder) =>
        new()
        {
            ClientCertificate = FilePath(user, "client-certificate", folder),
            ClientCertificateData = Text(user, "client-certificate-data"),
            ClientKey = FilePath(user, "client-key", folder),
            ClientKeyData = Text(user, "client-key-data"),
            Token = Text(user, "token"),
            UserName = Text(user, "username"),
            Password = Text(user, "password"),
            AuthProvider = user["auth-provider"] is JsonObject provider
                ? new AuthProvider { Name = Text(provider, "name"), Config = Texts(provider["config"]) }
                : null,
            ExternalExecution = user["exec"] is JsonObject exec
                ? new ExternalExecution
                {
                    ApiVersion = Text(exec, "apiVersion"),
                    Command = Text(exec, "command"),
                    Arguments = [.. Items(exec, "args").Select(argument => $"{argument}")],
                    EnvironmentVariables = [.. Items(exec, "env").Select(Texts)],
                    InstallHint = Text(exec, "installHint"),
                    ProvideClusterInfo = IsTrue(exec, "provideClusterInfo"),
                }
                : null,
        };

    /// <summary>What is listed with its name beside it.</summary>
    private static List<T> Named<T>(JsonObject map, string list, string content, Func<string?, JsonObject, T> read) =>
        [.. Items(map, list).OfType<JsonObject>().Select(entry => read(Text(entry, "name"), entry[content] as JsonObject ?? []))];

    private static JsonArray Items(JsonObject map, string key) => map[key] as JsonArray ?? [];

    private static Dictionary<string, string> Texts(JsonNode? map) =>
        (map as JsonObject ?? []).ToDictionary(entry => entry.Key, entry => $"{entry.Value}", StringComparer.Ordinal);

    /// <summary>A password or a name that looks like a number is a text all the same.</summary>
    private static string? Text(JsonObject map, string key) => map[key]?.ToString();

    /// <summary>A path, which is relative to the kubeconfig's folder.</summary>
    private static string? FilePath(JsonObject map, string key, string folder) =>
        Text(map, key) is { Length: > 0 } path ? Path.Combine(folder, path) : null;

    private static bool IsTrue(JsonObject map, string key) => map[key] is JsonValue value && value.GetValueKind() == JsonValueKind.True;
}
