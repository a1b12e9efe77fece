using System.CommandLine;
using System.Reflection;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using MeshOperator.Certificates;
using MeshOperator.Composition;
using MeshOperator.Kubernetes.Manifests;
using MeshOperator.Listeners;
using MeshOperator.Local;
using MeshOperator.Settings;
using Serilog.Events;
using Serilog.Extensions.Logging;

namespace MeshOperator.Commands;

/// <summary><c>meshop local</c>: a mesh to try things out on, in one process.</summary>
internal static class LocalCommand
{
    private enum OutputFormat
    {
        Text,
        Json,
    }

    public static Command Create()
    {
        var apply = new Option<string[]>("--apply")
        {
            Description = "A manifest, or a folder of manifests, to apply at start. Can be repeated.",
            AllowMultipleArgumentsPerToken = false,
        };
        var data = new Option<DirectoryInfo>("--data")
        {
            Description = "Where kubeconfig and ca.crt are written.",
            DefaultValueFactory = _ => new DirectoryInfo(".meshop"),
        };
        var apiPort = PortOption.Create("--api-port", "The API server's port; 0 for any free one.", 0);
        var xdsPort = PortOption.Create(
            "--xds-port",
            "The port of plaintext xDS; xDS over TLS is two above it. 0 for any free ones.",
            15010
        );
        var output = new Option<OutputFormat>("--output", "-o")
        {
            Description = "The format of the message that everything is configured: text, or one line of JSON.",
            DefaultValueFactory = _ => OutputFormat.Text,
        };
        var level = new Option<LogEventLevel>("--log-level")
        {
            Description = "The lowest level that is logged, to standard error.",
            DefaultValueFactory = _ => LogEventLevel.Warning,
        };
        var command = new Command("local", "Run an in-memory cluster and the operator in one process, without containers.")
        {
            apply,
            data,
            apiPort,
            xdsPort,
            output,
            level,
        };
        var upstreams = UpstreamsOption.Create();
        command.Options.Add(upstreams);
        var telemetry = new TelemetryOptions();
        telemetry.AddTo(command);
        command.SetAction(
            (parsed, cancellation) =>
            {
                var xds = parsed.GetValue(xdsPort);
                var options = new LocalMeshOptions
                {
                    ApiPort = parsed.GetValue(apiPort),
                    Operator = new OperatorOptions
                    {
                        LoopbackOnly = true,
                        PodsRun = false,
                        OwnWebhookConfigurations = true,
                        XdsPlaintextPort = xds,
                        XdsTlsPort = xds == 0 ? 0 : xds + 2,
                        WebhookPort = 0,
                        MetricsPort = 0,
                        DefaultUpstreams = parsed.GetValue(upstreams),
                        Telemetry = telemetry.Read(parsed),
                        LogLevel = parsed.GetValue(level),
                        JsonLog = false,
                    },
                };
                return RunAsync(
                    options,
                    parsed.GetValue(apply) ?? [],
                    parsed.GetValue(data)!,
                    parsed.GetValue(output),
                    parsed.InvocationConfiguration,
                    cancellation
                );
            }
        );
        return command;
    }

    private static async Task<int> RunAsync(
        LocalMeshOptions options,
        string[] apply,
        DirectoryInfo data,
        OutputFormat format,
        InvocationConfiguration console,
        CancellationToken cancellation
    )
    {
        using var logger = OperatorLogging.Create(options.Operator);
        using var loggers = new SerilogLoggerFactory(logger);
        try
        {
            var manifests = ManifestFiles.Read(apply);
            await using var mesh = await LocalMesh.StartAsync(options with { LoggerFactory = loggers }, cancellation);
            // Before anything is applied, so that a user can look what holds it up.
            var files = LocalFiles.Write(data, mesh.Kubeconfig, mesh.Host.TrustBundle);
            await mesh.ApplyAsync(manifests, cancellation);
            await console.Output.WriteLineAsync(format == OutputFormat.Json ? Json(mesh, files) : Text(mesh, files, manifests, apply));
            await console.Output.FlushAsync(cancellation);
            await mesh.Host.WaitForShutdownAsync(cancellation);
            return 0;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return 0;
        }
        catch (Exception e)
            when (e is ManifestException or CertificateAuthorityException or IOException or UnauthorizedAccessException or ArgumentException
            )
        {
            await console.Error.WriteLineAsync($"meshop local: {e.Message}");
            return 1;
        }
    }

    private static string Json(LocalMesh mesh, LocalFiles files) =>
        new JsonObject
        {
            ["kubeconfig"] = files.Kubeconfig,
            ["xds"] = Address(mesh, ListenerKind.PlaintextXds),
            ["xdsTls"] = Address(mesh, ListenerKind.TlsXds),
            ["ca"] = files.Ca,
        }.ToJsonString(new JsonSerializerOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping });

    private static string Text(LocalMesh mesh, LocalFiles files, IReadOnlyList<ManifestObject> manifests, string[] apply)
    {
        var version = Assembly.GetExecutingAssembly().GetName().Version!.ToString(3);
        var applied =
            manifests.Count == 0
                ? "nothing; add --apply samples/canary for an example"
                : $"{manifests.Count} objects from {string.Join(", ", apply)}";
        var here = Directory.GetCurrentDirectory();
        var (kubeconfig, ca) = (Path.GetRelativePath(here, files.Kubeconfig), Path.GetRelativePath(here, files.Ca));
        var kubectl = $"kubectl --kubeconfig {kubeconfig}";
        var split = manifests.FirstOrDefault(m =>
            (string?)m.Object["kind"] == "TrafficSplit" && m.Object["spec"]?["backends"] is JsonArray { Count: 2 }
        );
        var third = split is null
            ? $"{kubectl} explain trafficsplit.spec"
            : $"{kubectl} patch trafficsplit {(string?)split.Object["metadata"]!["name"]} -n "
                + $"{(string?)split.Object["metadata"]!["namespace"] ?? "default"} --type json"
                + " -p '[{\"op\":\"replace\",\"path\":\"/spec/backends/0/weight\",\"value\":50},"
                + "{\"op\":\"replace\",\"path\":\"/spec/backends/1/weight\",\"value\":50}]'";
        return $"""
            MeshOperator {version}: a mesh in this process (no container runs)

              API server  {mesh.ApiServer}  ({kubeconfig})
              xDS         {Address(mesh, ListenerKind.PlaintextXds)} plaintext, {Address(mesh, ListenerKind.TlsXds)} TLS  ({ca})
              metrics     http://{Address(mesh, ListenerKind.Metrics)}/metrics
              applied     {applied}

            Try next, in another terminal:

              {kubectl} get meshpolicies -A
              {kubectl} get pods -A --show-labels
              {third}

            Ctrl-C stops it; the cluster is in memory and goes with it.
            """;
    }

    private static string Address(LocalMesh mesh, ListenerKind kind) => mesh.Host.Ports[kind].ToString();
}
