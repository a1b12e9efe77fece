using System.CommandLine;
using k8s;
using k8s.Autorest;
using k8s.Exceptions;
using MeshOperator.Output;
using MeshOperator.Uninstalling;

namespace MeshOperator.Commands;

/// <summary><c>meshop uninstall</c>: removes what Helm leaves in the cluster.</summary>
internal static class UninstallCommand
{
    public static Command Create() => Create(Console.In);

    /// <summary>The command.</summary>
    /// <param name="input">Where the answer to its question comes from.</param>
    public static Command Create(TextReader input)
    {
        var ns = new Option<string>("--operator-namespace")
        {
            Description = "The operator's namespace.",
            DefaultValueFactory = _ => "mesh-system",
        };
        var dryRun = new Option<bool>("--dry-run") { Description = "List what would be removed, and remove nothing." };
        var definitions = new Option<bool>("--crds") { Description = "Remove the CRDs too, and with them all policies." };
        var authority = new Option<bool>("--ca")
        {
            Description = "Remove the certificate authority that the operator created too, and with it the root's private key.",
        };
        var force = new Option<bool>("--force") { Description = "Go on although the operator is installed or pods have the sidecar." };
        var yes = new Option<bool>("--yes", "-y") { Description = "Do not ask first." };
        var cluster = new ClusterOptions();
        var command = new Command(
            "uninstall",
            "Remove what helm uninstall leaves: trust bundles and Leases, with --crds and --ca also policies and the certificate authority."
        )
        {
            ns,
            dryRun,
            definitions,
            authority,
            force,
            yes,
        };
        cluster.AddTo(command);
        command.SetAction(
            async (parsed, cancellation) =>
            {
                var console = parsed.InvocationConfiguration;
                try
                {
                    using var client = new k8s.Kubernetes(cluster.Read(parsed));
                    var leftovers = new Leftovers(client, parsed.GetValue(ns)!);
                    var obstacles = await leftovers.FindObstaclesAsync(cancellation);
                    foreach (var obstacle in obstacles)
                        await console.Error.WriteLineAsync($"meshop uninstall: {obstacle}");
                    var found = await leftovers.FindAsync(parsed.GetValue(definitions), parsed.GetValue(authority), cancellation);
                    await ListAsync(found, console.Output);
                    if (found.Count == 0 || parsed.GetValue(dryRun))
                        return 0;
                    if (obstacles.Count > 0 && !parsed.GetValue(force))
                        return await RefuseAsync(console.Error, "nothing was removed; --force removes it all the same");
                    if (!parsed.GetValue(yes) && !await AskAsync(found.Count, console.Output, input, cancellation))
                        return await RefuseAsync(console.Error, "nothing was removed");
                    return await RemoveAsync(client, found, console, cancellation);
                }
                catch (Exception e) when (e is KubeConfigException or HttpOperationException or HttpRequestException or IOException)
                {
                    var answer = (e as HttpOperationException)?.Response.Content;
                    return await RefuseAsync(console.Error, string.IsNullOrEmpty(answer) ? e.Message : answer);
                }
            }
        );
        return command;
    }

    private static async Task ListAsync(IReadOnlyList<Leftover> found, TextWriter output)
    {
        if (found.Count == 0)
        {
            await output.WriteLineAsync("There is nothing to remove.");
            return;
        }

        string[][] rows = [.. found.Select(left => new[] { left.Kind.ToString(), left.Namespace ?? "-", left.Name, left.What })];
        foreach (var line in PlainTable.Render(["KIND", "NAMESPACE", "NAME", "WHAT"], rows))
            await output.WriteLineAsync(line);
    }

    private static async Task<bool> AskAsync(int count, TextWriter output, TextReader input, CancellationToken cancellation)
    {
        await output.WriteAsync($"Remove these {count} objects? [y/N] ");
        await output.FlushAsync(cancellation);
        var answer = await input.ReadLineAsync(cancellation);
        return answer?.Trim().ToUpperInvariant() is "Y" or "YES";
    }

    private static async Task<int> RemoveAsync(
        k8s.Kubernetes client,
        IReadOnlyList<Leftover> found,
        InvocationConfiguration console,
        CancellationToken cancellation
    )
    {
        foreach (var left in found)
            await left.DeleteAsync(client, cancellation);
        await console.Output.WriteLineAsync($"Removed {found.Count} objects.");
        return 0;
    }

    private static async Task<int> RefuseAsync(TextWriter error, string reason)
    {
        await error.WriteLineAsync($"meshop uninstall: {reason}");
        return 1;
    }
}
