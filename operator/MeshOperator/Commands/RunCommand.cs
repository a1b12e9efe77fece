using System.CommandLine;
using k8s;
using k8s.Exceptions;
using MeshOperator.Certificates;
using MeshOperator.Composition;
using MeshOperator.Settings;
using Serilog.Events;

namespace MeshOperator.Commands;

/// <summary><c>meshop run</c>: the operator against a cluster, from inside it or by a kubeconfig.</summary>
internal static class RunCommand
{
    private const string NamespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace";

    public static Command Create()
    {
        var cluster = new ClusterOptions();
        var ns = new Option<string?>("--namespace")
        {
            Description = "The operator's own namespace; by default the pod's, else mesh-system.",
        };
        var trustDomain = new Option<string>("--trust-domain")
        {
            Description = "The SPIFFE trust domain.",
            DefaultValueFactory = _ => "cluster.local",
        };
        var clusterDomain = new Option<string?>("--cluster-domain")
        {
            Description = "The domain of the cluster's names; by default what the pod's DNS says, else cluster.local.",
        };
        var service = new Option<string>("--service")
        {
            Description = "The operator's Service, by whose name proxies reach it.",
            DefaultValueFactory = _ => "mesh-operator",
        };
        var xdsPort = PortOption.Create("--xds-port", "The port of xDS over TLS.", 15012);
        var webhookPort = PortOption.Create("--webhook-port", "The port of the admission webhooks.", 9443);
        var metricsPort = PortOption.Create("--metrics-port", "The port of metrics and health.", 8080);
        var level = new Option<LogEventLevel>("--log-level")
        {
            Description = "The lowest level that is logged.",
            DefaultValueFactory = _ => LogEventLevel.Information,
        };
        var elect = new Option<bool>("--leader-election")
        {
            Description = "Elect a leader among the replicas. Only the leader writes.",
            DefaultValueFactory = _ => true,
        };
        var replicaPort = PortOption.Create("--replica-port", "The port on which replicas of the operator ask each other.", 15013);
        var replicaHost = new Option<string?>("--replica-host")
        {
            Description = "The address at which other replicas reach this one; by default POD_IP, else an address of this machine.",
        };
        var delay = new Option<int>("--shutdown-delay")
        {
            Description = "Seconds for which a replica that is to stop goes on, not ready, before it sends its proxies to others.",
            DefaultValueFactory = _ => 0,
        };
        var waiting = new Option<int>("--max-waiting-streams")
        {
            Description = "Number of proxies that wait at once until their tokens are checked. Others are sent to another replica.",
            DefaultValueFactory = _ => new OperatorOptions().MaxWaitingStreams,
        };
        waiting.Validators.Add(result =>
        {
            if (result.GetValue(waiting) < 1)
                result.AddError("--max-waiting-streams: use a number of at least 1");
        });
        var command = new Command("run", "Run the operator against a cluster.")
        {
            ns,
            trustDomain,
            clusterDomain,
            service,
            xdsPort,
            webhookPort,
            metricsPort,
            level,
            elect,
            replicaPort,
            replicaHost,
            delay,
            waiting,
        };
        cluster.AddTo(command);
        var upstreams = UpstreamsOption.Create();
        command.Options.Add(upstreams);
        var headerCase = HeaderCaseOption.Create();
        command.Options.Add(headerCase);
        var telemetry = new TelemetryOptions();
        telemetry.AddTo(command);
        var shifts = new ShiftOptions();
        shifts.AddTo(command);
        var sidecars = new SidecarOptions();
        sidecars.AddTo(command);
        command.SetAction(
            (parsed, cancellation) =>
                RunAsync(
                    shifts.Read(
                        parsed,
                        new OperatorOptions
                        {
                            Namespace = parsed.GetValue(ns) ?? PodNamespace() ?? "mesh-system",
                            TrustDomain = parsed.GetValue(trustDomain)!,
                            ClusterDomain = parsed.GetValue(clusterDomain) ?? ClusterDomain.Read(),
                            ServiceName = parsed.GetValue(service)!,
                            Injection = sidecars.Read(parsed),
                            XdsTlsPort = parsed.GetValue(xdsPort),
                            WebhookPort = parsed.GetValue(webhookPort),
                            MetricsPort = parsed.GetValue(metricsPort),
                            ReplicaPort = parsed.GetValue(replicaPort),
                            ReplicaHost = parsed.GetValue(replicaHost) ?? Environment.GetEnvironmentVariable("POD_IP"),
                            ShutdownDelay = TimeSpan.FromSeconds(Math.Max(0, parsed.GetValue(delay))),
                            MaxWaitingStreams = parsed.GetValue(waiting),
                            DefaultUpstreams = parsed.GetValue(upstreams),
                            HeaderCase = parsed.GetValue(headerCase),
                            Telemetry = telemetry.Read(parsed),
                            LogLevel = parsed.GetValue(level),
                            ElectionIdentity = parsed.GetValue(elect) ? $"{Environment.MachineName}_{Guid.NewGuid():N}" : null,
                        }
                    ),
                    () => cluster.Read(parsed),
                    parsed.InvocationConfiguration.Error,
                    cancellation
                )
        );
        return command;
    }

    private static string? PodNamespace() => File.Exists(NamespaceFile) ? File.ReadAllText(NamespaceFile).Trim() : null;

    private static async Task<int> RunAsync(
        OperatorOptions options,
        Func<KubernetesClientConfiguration> connect,
        TextWriter error,
        CancellationToken cancellation
    )
    {
        try
        {
            using var client = new k8s.Kubernetes(connect());
            await using var host = await OperatorHost.StartAsync(options, client, cancellation);
            host.LogPorts();
            await host.WaitForShutdownAsync(cancellation);
            return 0;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            return 0;
        }
        catch (Exception e) when (e is KubeConfigException or CertificateAuthorityException or IOException)
        {
            await error.WriteLineAsync($"meshop run: {e.Message}");
            return 1;
        }
    }
}
