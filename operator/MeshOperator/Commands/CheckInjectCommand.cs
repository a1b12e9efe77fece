using System.CommandLine;
using System.Text.Json;
using k8s;
using k8s.Exceptions;
using MeshOperator.Checks;
using MeshOperator.Injection;
using MeshOperator.Kubernetes.Manifests;
using MeshOperator.Output;

namespace MeshOperator.Commands;

/// <summary><c>meshop check-inject</c>: lists which pods have the sidecar or would get it, and why the others do not.</summary>
internal static class CheckInjectCommand
{
    public static Command Create()
    {
        var target = new Argument<string?>("target")
        {
            Description = "A pod's name, or deployment/NAME; by default all pods of the namespace.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var ns = new Option<string>("--namespace", "-n") { Description = "The namespace.", DefaultValueFactory = _ => "default" };
        var all = new Option<bool>("--all-namespaces", "-A") { Description = "Check the pods of all namespaces." };
        var file = new Option<FileInfo?>("--file", "-f") { Description = "Manifests to check instead of the cluster's pods." };
        var cluster = new ClusterOptions();
        var operatorNamespace = new Option<string>("--operator-namespace")
        {
            Description = "The operator's namespace.",
            DefaultValueFactory = _ => "mesh-system",
        };
        var command = new Command(
            "check-inject",
            "List which pods are injected, which would be, and why the rest are not. Exits with status 1 if any pod is not injected."
        )
        {
            target,
            ns,
            all,
            file,
            operatorNamespace,
        };
        cluster.AddTo(command);
        command.Validators.Add(result =>
        {
            if (result.GetValue(target) is not null && result.GetValue(file) is not null)
                result.AddError("A target and --file cannot be combined; omit one of them.");
            if (result.GetValue(all) && (result.GetValue(target) is not null || result.GetValue(file) is not null))
                result.AddError("--all-namespaces cannot be combined with a target or --file; omit one of them.");
        });
        command.SetAction(
            (parsed, cancellation) =>
            {
                var check = new InjectionCheck(
                    new SidecarInjector(new InjectionOptions { OperatorNamespace = parsed.GetValue(operatorNamespace)! }),
                    TimeProvider.System
                );
                return RunAsync(
                    async client =>
                    {
                        var objects = new CheckedObjects(client, check, parsed.GetValue(ns)!, parsed.GetValue(all));
                        return parsed.GetValue(file) is { } manifests
                            ? await objects.ReadAsync(await File.ReadAllTextAsync(manifests.FullName, cancellation), cancellation)
                            : await objects.FindAsync(parsed.GetValue(target), cancellation);
                    },
                    () => cluster.Read(parsed),
                    parsed.InvocationConfiguration
                );
            }
        );
        return command;
    }

    private static async Task<int> RunAsync(
        Func<IKubernetes, Task<IReadOnlyList<CheckedPod>>> find,
        Func<KubernetesClientConfiguration> connect,
        InvocationConfiguration console
    )
    {
        try
        {
            using var client = new k8s.Kubernetes(connect());
            var pods = await find(client);
            if (pods.Count == 0)
                await console.Error.WriteLineAsync("meshop check-inject: there are no pods");
            await WriteAsync(pods, console.Output);
            return pods.Any(pod => pod.State is SidecarState.No) ? 1 : 0;
        }
        catch (Exception e)
            when (e
                    is CheckException
                        or ManifestException
                        or KubeConfigException
                        or JsonException
                        or IOException
                        or UnauthorizedAccessException
            )
        {
            await console.Error.WriteLineAsync($"meshop check-inject: {JsonProblem.Describe(e)}");
            return 1;
        }
    }

    private static async Task WriteAsync(IReadOnlyList<CheckedPod> pods, TextWriter output)
    {
        string[][] rows = [.. pods.Select(pod => new[] { pod.Name, Word(pod.State), pod.Reason ?? string.Empty })];
        foreach (var line in PlainTable.Render(["POD", "SIDECAR", "REASON"], rows))
            await output.WriteLineAsync(line);
    }

    private static string Word(SidecarState state) =>
        state switch
        {
            SidecarState.Injected => "yes",
            SidecarState.WouldBe => "would be",
            _ => "no",
        };
}
