using System.CommandLine;
using k8s;
using k8s.Exceptions;

namespace MeshOperator.Commands;

/// <summary>The command line's options for which cluster a command is about, as <c>kubectl</c> has them.</summary>
internal sealed class ClusterOptions
{
    private const string Variable = "KUBECONFIG";

    private readonly Option<FileInfo?> _kubeconfig = new("--kubeconfig")
    {
        Description =
            "The kubeconfig of the cluster; by default the files of KUBECONFIG or ~/.kube/config, else the pod's service account.",
    };

    private readonly Option<string?> _context = new("--context")
    {
        Description = "The context of the kubeconfig; by default its current one.",
    };

    public void AddTo(Command command)
    {
        command.Options.Add(_kubeconfig);
        command.Options.Add(_context);
    }

    /// <summary>How to reach the cluster. Files of <c>KUBECONFIG</c> are merged, and those that do not exist are passed over. Without a
    /// kubeconfig it is by a pod's service account.</summary>
    /// <exception cref="KubeConfigException">There is neither, or there is no such context.</exception>
    public KubernetesClientConfiguration Read(ParseResult parsed)
    {
        var context = parsed.GetValue(_context);
        var files = FindFiles(parsed.GetValue(_kubeconfig));
        if (files.Length > 0)
            return Kubeconfigs.Choose(Kubeconfigs.Merge(files), context);
        if (context is not null)
            throw new KubeConfigException($"--context: there is no kubeconfig with contexts; name one with --kubeconfig or {Variable}");
        return KubernetesClientConfiguration.IsInCluster()
            ? KubernetesClientConfiguration.InClusterConfig()
            : throw new KubeConfigException($"there is no kubeconfig; name one with --kubeconfig or {Variable}");
    }

    private static FileInfo[] FindFiles(FileInfo? given)
    {
        if (given is not null)
            return given.Exists ? [given] : throw new KubeConfigException($"--kubeconfig: {given.FullName} does not exist");
        if (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } variable)
        {
            FileInfo[] named =
            [
                .. variable
                    .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
                    .Where(File.Exists)
                    .Select(name => new FileInfo(name)),
            ];
            return named.Length > 0 ? named : throw new KubeConfigException($"{Variable}: no file of '{variable}' exists");
        }

        var usual = new FileInfo(KubernetesClientConfiguration.KubeConfigDefaultLocation);
        return usual.Exists ? [usual] : [];
    }
}
