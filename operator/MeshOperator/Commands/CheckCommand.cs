using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using k8s.Exceptions;
using MeshOperator.Checks.Installation;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Output;

namespace MeshOperator.Commands;

/// <summary><c>meshop check</c>: whether a cluster is fit for the mesh, and whether the mesh in it works.</summary>
internal static class CheckCommand
{
    private static readonly JsonSerializerOptions Readable = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>In what form findings are written.</summary>
    private enum CheckOutput
    {
        /// <summary>A table.</summary>
        Table,

        /// <summary>A JSON array.</summary>
        Json,
    }

    public static Command Create()
    {
        var before = new Option<bool>("--pre") { Description = "Check whether the chart can be installed or upgraded." };
        var output = new Option<CheckOutput>("--output", "-o")
        {
            Description = "What is written: Table or Json.",
            DefaultValueFactory = _ => CheckOutput.Table,
        };
        var operatorNamespace = new Option<string>("--operator-namespace")
        {
            Description = "The operator's namespace.",
            DefaultValueFactory = _ => "mesh-system",
        };
        var release = new Option<string>("--release")
        {
            Description = "The name of the Helm release.",
            DefaultValueFactory = _ => "mesh-operator",
        };
        var cluster = new ClusterOptions();
        var command = new Command(
            "check",
            "Check an installation: operator, CRDs, webhooks, certificates, sidecars and policies. "
                + "Exits with status 1 if there is an error."
        )
        {
            before,
            output,
            operatorNamespace,
            release,
        };
        cluster.AddTo(command);
        command.SetAction(
            (parsed, cancellation) =>
            {
                var settings = new InstallationSettings(parsed.GetValue(operatorNamespace)!, parsed.GetValue(release)!);
                return RunAsync(
                    () => cluster.Read(parsed),
                    checks => parsed.GetValue(before) ? checks.CheckBeforeAsync(cancellation) : checks.CheckAfterAsync(cancellation),
                    settings,
                    parsed.GetValue(output),
                    parsed.InvocationConfiguration,
                    cancellation
                );
            }
        );
        return command;
    }

    private static async Task<int> RunAsync(
        Func<k8s.KubernetesClientConfiguration> connect,
        Func<InstallationChecks, Task<IReadOnlyList<Finding>>> check,
        InstallationSettings settings,
        CheckOutput output,
        InvocationConfiguration console,
        CancellationToken cancellation
    )
    {
        try
        {
            using var client = new k8s.Kubernetes(connect());
            var transport = new KubernetesTransport(client, TimeProvider.System, ClusterReader.Impatient);
            var findings = await check(new InstallationChecks(new ClusterReader(transport), settings, TimeProvider.System));
            await console.Output.WriteLineAsync(output is CheckOutput.Json ? ToJson(findings) : ToTable(findings));
            return findings.Any(finding => finding.Level is FindingLevel.Error) ? 1 : 0;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return 1;
        }
        catch (Exception e)
            when (e is KubeConfigException or KubernetesApiException or HttpRequestException or TimeoutException or IOException)
        {
            await console.Error.WriteLineAsync($"meshop check: the cluster cannot be checked: {e.Message}");
            return 1;
        }
    }

    private static string ToTable(IReadOnlyList<Finding> findings)
    {
        string[][] rows = [.. findings.Select(f => new[] { f.Level.ToString(), f.Check, f.Link, f.Message })];
        return string.Join('\n', PlainTable.Render(["STATUS", "CHECK", "SEE", "FINDING"], rows));
    }

    private static string ToJson(IReadOnlyList<Finding> findings) =>
        new JsonArray([
            .. findings.Select(finding => new JsonObject
            {
                ["level"] = finding.Level.ToString(),
                ["check"] = finding.Check,
                ["message"] = finding.Message,
                ["link"] = finding.Link,
            }),
        ]).ToJsonString(Readable);
}
