using System.CommandLine;
using System.Reflection;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using MeshOperator.Certificates;
using MeshOperator.Commands;
using MeshOperator.Composition;
using MeshOperator.Kubernetes.Manifests;
using MeshOperator.Listeners;
using MeshOperator.Local.Node;
using MeshOperator.Local.Screen;
using MeshOperator.Settings;
using Serilog.Events;
using Serilog.Extensions.Logging;
using Spectre.Console;

namespace MeshOperator.Local.Commands;

/// <summary><c>meshop local</c>: a mesh to try things out on, in one process.</summary>
internal static class LocalCommand
{
    private enum OutputFormat
    {
        /// <summary>A live table on a terminal, else lines.</summary>
        Text,

        /// <summary>Lines.</summary>
        Plain,

        /// <summary>One line of JSON when everything is configured.</summary>
        Json,
    }

    public static Command Create()
    {
        var apply = new Option<string[]>("--apply")
        {
            Description = "A manifest, or a folder of manifests, to apply at start. Can be repeated.",
            AllowMultipleArgumentsPerToken = false,
        };
        var data = DataOption.Create();
        var proxy = new Option<ProxyChoice>("--proxy")
        {
            Description =
                "What runs as proxy of each pod: Envoy, BuiltIn, None (pods are API objects only), "
                + "or Auto (an Envoy where one is found, else the built-in proxy).",
            DefaultValueFactory = _ => ProxyChoice.Auto,
        };
        var envoy = new Option<string?>("--envoy")
        {
            Description = $"The Envoy program. By default the one that the variable {EnvoyProxies.Variable} names, or the one on the PATH.",
        };
        var apiPort = PortOption.Create("--api-port", "The API server's port; 0 for any free one.", 0);
        var xdsPort = PortOption.Create(
            "--xds-port",
            "The port of plaintext xDS; xDS over TLS is two above it. 0 for any free ones.",
            15010
        );
        var output = new Option<OutputFormat>("--output", "-o")
        {
            Description =
                "What is written: Text (a live table on a terminal, else lines), Plain (lines), "
                + "or Json (one line when everything is configured).",
            DefaultValueFactory = _ => OutputFormat.Text,
        };
        var level = new Option<LogEventLevel>("--log-level")
        {
            Description = "The lowest level that is logged, to standard error.",
            DefaultValueFactory = _ => LogEventLevel.Warning,
        };
        var command = new Command("local", "Run an in-memory cluster, the operator and a proxy for each pod, without containers.")
        {
            apply,
            data,
            proxy,
            envoy,
            apiPort,
            xdsPort,
            output,
            level,
            LocalStatusCommand.Create(),
            LocalCallCommand.Create(),
        };
        var upstreams = UpstreamsOption.Create();
        command.Options.Add(upstreams);
        var headerCase = HeaderCaseOption.Create();
        command.Options.Add(headerCase);
        var telemetry = new TelemetryOptions();
        telemetry.AddTo(command);
        var shifts = new ShiftOptions();
        shifts.AddTo(command);
        command.SetAction(
            (parsed, cancellation) =>
            {
                var xds = parsed.GetValue(xdsPort);
                var options = shifts.Read(
                    parsed,
                    new OperatorOptions
                    {
                        LoopbackOnly = true,
                        OwnsProcess = false,
                        PodsRun = false,
                        OwnWebhookConfigurations = true,
                        XdsPlaintextPort = xds,
                        XdsTlsPort = xds == 0 ? 0 : xds + 2,
                        WebhookPort = 0,
                        MetricsPort = 0,
                        DefaultUpstreams = parsed.GetValue(upstreams),
                        HeaderCase = parsed.GetValue(headerCase),
                        Telemetry = telemetry.Read(parsed),
                        LogLevel = parsed.GetValue(level),
                        JsonLog = false,
                    }
                );
                var run = new LocalRun(
                    options,
                    parsed.GetValue(apiPort),
                    parsed.GetValue(apply) ?? [],
                    parsed.GetValue(data)!,
                    parsed.GetValue(proxy),
                    parsed.GetValue(envoy),
                    parsed.GetValue(output)
                );
                return RunAsync(run, parsed.InvocationConfiguration, cancellation);
            }
        );
        return command;
    }

    private static async Task<int> RunAsync(LocalRun run, InvocationConfiguration console, CancellationToken cancellation)
    {
        using var logger = OperatorLogging.Create(run.Operator);
        using var loggers = new SerilogLoggerFactory(logger);
        try
        {
            var manifests = ManifestFiles.Read(run.Apply);
            var proxies = await LocalProxyChoice.FindAsync(run.Proxy, run.Envoy, run.Operator.Telemetry, loggers, cancellation);
            if (proxies is not null && PodAddresses.FindProblem() is { } problem)
                throw new IOException(problem);
            var options = new LocalMeshOptions
            {
                ApiPort = run.ApiPort,
                Operator = proxies is null ? run.Operator : LocalProxyChoice.WithProxies(run.Operator),
                LoggerFactory = loggers,
                Proxies = proxies,
                PodFolder = Path.Combine(run.Data.FullName, "pods"),
                Report = line => console.Error.WriteLine($"meshop local: {line}"),
            };
            await using var mesh = await LocalMesh.StartAsync(options, cancellation);
            // Before anything is applied, so that a user can look what holds it up.
            var files = LocalFiles.Write(run.Data, mesh.Kubeconfig, mesh.Host.TrustBundle);
            await using var status = await StatusServer.StartAsync(mesh, cancellation);
            LocalFiles.WriteStatusAddress(run.Data, status.Address);
            try
            {
                await mesh.ApplyAsync(manifests, cancellation);
                await ShowAsync(mesh, run, files, manifests, console, cancellation);
            }
            finally
            {
                LocalFiles.RemoveStatusAddress(run.Data);
            }

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

    private static async Task ShowAsync(
        LocalMesh mesh,
        LocalRun run,
        LocalFiles files,
        IReadOnlyList<ManifestObject> manifests,
        InvocationConfiguration console,
        CancellationToken cancellation
    )
    {
        var isJson = run.Output == OutputFormat.Json;
        var text = isJson ? Json(mesh, files) : Text(mesh, files, manifests, run.Apply);
        await console.Output.WriteLineAsync(text);
        await console.Output.FlushAsync(cancellation);
        if (isJson || mesh.Node is null)
        {
            await Task.Delay(Timeout.InfiniteTimeSpan, TimeProvider.System, cancellation);
            return;
        }

        var screen = new LocalScreen(mesh);
        var shown =
            run.Output == OutputFormat.Text && !Console.IsOutputRedirected
                ? screen.ShowLiveAsync(AnsiConsole.Console, cancellation)
                : screen.ShowPlainAsync(console.Output, cancellation);
        await shown;
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

              proxy       {Proxy(mesh)}
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

    private static string Proxy(LocalMesh mesh) =>
        mesh.Node switch
        {
            null => "none; pods are API objects only",
            { Proxies: BuiltInProxies } => $"the built-in proxy, one for each pod; for real Envoys {LocalProxyChoice.HowToGet}",
            var node => $"{node.Proxies.Description}, one for each pod",
        };

    private static string Address(LocalMesh mesh, ListenerKind kind) => mesh.Host.Ports[kind].ToString();

    /// <summary>What was asked for on the command line.</summary>
    private sealed record LocalRun(
        OperatorOptions Operator,
        int ApiPort,
        string[] Apply,
        DirectoryInfo Data,
        ProxyChoice Proxy,
        string? Envoy,
        OutputFormat Output
    );
}
