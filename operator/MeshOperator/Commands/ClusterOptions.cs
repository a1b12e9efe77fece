using System.CommandLine;
using k8s;
using k8s.Exceptions;

namespace MeshOperator.Commands;

/// <summary>The command line's options for which cluster a command is about, as <c>kubectl</c> has them.</summary>
internal sealed class ClusterOptions
{
    private readonly Option<FileInfo?> _kubeconfig = new("--kubeconfig")
    {
        Description = "The kubeconfig of the cluster; by default KUBECONFIG or ~/.kube/config.",
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

    /// <summary>How to reach the cluster. Without a kubeconfig, a pod's service account.</summary>
    /// <exception cref="KubeConfigException">There is neither, or there is no such context.</exception>
    public KubernetesClientConfiguration Read(ParseResult parsed)
    {
        var context = parsed.GetValue(_context);
        if (parsed.GetValue(_kubeconfig) is { } file)
            return KubernetesClientConfiguration.BuildConfigFromConfigFile(file.FullName, context);
        if (context is null)
            return KubernetesClientConfiguration.BuildDefaultConfig();
        var named = (Environment.GetEnvironmentVariable("KUBECONFIG") ?? string.Empty)
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .FirstOrDefault(File.Exists);
        return KubernetesClientConfiguration.BuildConfigFromConfigFile(named, context);
    }
}
