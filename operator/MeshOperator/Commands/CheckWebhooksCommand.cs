using System.CommandLine;
using k8s;
using k8s.Exceptions;
using MeshOperator.Checks;
using MeshOperator.Output;

namespace MeshOperator.Commands;

/// <summary><c>meshop check-webhooks</c>: tries both webhooks by dry run. <c>helm test</c> runs it in the cluster.</summary>
internal static class CheckWebhooksCommand
{
    public static Command Create()
    {
        var ns = new Option<string>("--namespace", "-n")
        {
            Description = "The namespace to try them in; not the operator's, whose pods are never injected.",
            DefaultValueFactory = _ => "default",
        };
        var cluster = new ClusterOptions();
        var command = new Command(
            "check-webhooks",
            "Try by dry run whether a pod is injected and an invalid policy refused. Exits with status 1 if not."
        )
        {
            ns,
        };
        cluster.AddTo(command);
        command.SetAction(
            (parsed, cancellation) =>
                RunAsync(parsed.GetValue(ns)!, () => cluster.Read(parsed), parsed.InvocationConfiguration, cancellation)
        );
        return command;
    }

    private static async Task<int> RunAsync(
        string ns,
        Func<KubernetesClientConfiguration> connect,
        InvocationConfiguration console,
        CancellationToken cancellation
    )
    {
        try
        {
            using var client = new k8s.Kubernetes(connect());
            var check = new WebhookDryRun(client, ns);
            var (injection, validation) = (await check.TryInjectionAsync(cancellation), await check.TryValidationAsync(cancellation));
            string[][] rows =
            [
                ["injection", Word(injection), injection ?? ""],
                ["validation", Word(validation), validation ?? ""],
            ];
            foreach (var line in PlainTable.Render(["WEBHOOK", "WORKS", "REASON"], rows))
                await console.Output.WriteLineAsync(line);
            return injection is null && validation is null ? 0 : 1;
        }
        catch (Exception e) when (e is CheckException or KubeConfigException or IOException)
        {
            await console.Error.WriteLineAsync($"meshop check-webhooks: {e.Message}");
            return 1;
        }
    }

    private static string Word(string? problem) => problem is null ? "yes" : "no";
}
