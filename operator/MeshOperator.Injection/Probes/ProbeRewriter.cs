using System.Globalization;
using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Injection.Settings;

namespace MeshOperator.Injection.Probes;

/// <summary>The rewritten probes of a pod.</summary>
/// <param name="Probes">What the proxy answers for the application.</param>
/// <param name="Originals">The probes and hooks as they were, by container and field.</param>
internal sealed record RewrittenProbes(IReadOnlyList<ApplicationProbe> Probes, JsonObject Originals);

/// <summary>Points probes and hooks of the kubelet at the proxy. The kubelet has no identity of the mesh, so a port that takes mutual TLS
/// only would refuse it. What does not pass the proxy anyway stays as it is: commands, other hosts, and ports that are not
/// captured.</summary>
internal sealed class ProbeRewriter
{
    private const int DefaultPeriod = 10;
    private const int DefaultTimeout = 1;

    /// <summary>The kubelet sets a hook no timeout of its own.</summary>
    private static readonly TimeSpan HookTimeout = TimeSpan.FromSeconds(30);

    private readonly List<ApplicationProbe> _probes = [];
    private readonly JsonObject _originals = [];
    private readonly SidecarSettings _settings;

    private ProbeRewriter(SidecarSettings settings) => _settings = settings;

    /// <summary>Rewrites all probes and hooks of a pod, in place.</summary>
    public static RewrittenProbes Rewrite(V1PodSpec spec, SidecarSettings settings)
    {
        var rewriter = new ProbeRewriter(settings);
        if (settings.Interception != Interception.None || settings.BindsInbound)
        {
            // A sidecar of somebody else's. Before a classic proxy runs, nothing answers in its place, and nothing is captured either.
            foreach (var container in (spec.InitContainers ?? []).Where(c => c.RestartPolicy == "Always"))
                rewriter.Rewrite(container, atStart: settings.IsNative);
            foreach (var container in spec.Containers)
                rewriter.Rewrite(container, atStart: true);
        }

        return new RewrittenProbes(rewriter._probes, rewriter._originals);
    }

    private void Rewrite(V1Container container, bool atStart)
    {
        Rewrite(container, container.LivenessProbe, "livenessProbe", "livez");
        Rewrite(container, container.ReadinessProbe, "readinessProbe", "readyz");
        if (atStart)
            Rewrite(container, container.StartupProbe, "startupProbe", "startupz");
        if (atStart)
            Rewrite(container, container.Lifecycle?.PostStart, "postStart", "poststart");
        Rewrite(container, container.Lifecycle?.PreStop, "preStop", "prestop");
    }

    private void Rewrite(V1Container container, V1Probe? probe, string field, string name)
    {
        if (probe is null)
            return;
        var original = KubernetesJson.Serialize(probe);
        var period = TimeSpan.FromSeconds(Positive(probe.PeriodSeconds) ?? DefaultPeriod);
        var timeout = TimeSpan.FromSeconds(Positive(probe.TimeoutSeconds) ?? DefaultTimeout);
        var path = $"/app-health/{container.Name}/{name}";
        if (probe.HttpGet is { } http)
        {
            if (Forward(container, http, path, period, timeout) is not { } action)
                return;
            probe.HttpGet = action;
        }
        else if (probe.TcpSocket is { } tcp)
        {
            if (!string.IsNullOrEmpty(tcp.Host) || Resolve(container, tcp.Port) is not { } port)
                return;
            _probes.Add(new ApplicationProbe(path, ProbeProtocol.Tcp, port, string.Empty, period, timeout));
            probe.TcpSocket = null;
            probe.HttpGet = new V1HTTPGetAction { Path = path, Port = ProxyPort.Probes };
        }
        else if (probe.Grpc is { } grpc)
        {
            if (!IsCaptured(grpc.Port))
                return;
            var protocol = grpc.Mode == "TLS" ? ProbeProtocol.GrpcOverTls : ProbeProtocol.Grpc;
            _probes.Add(new ApplicationProbe(path, protocol, grpc.Port, grpc.Service ?? string.Empty, period, timeout));
            probe.Grpc = null;
            probe.HttpGet = new V1HTTPGetAction { Path = path, Port = ProxyPort.Probes };
        }
        else
        {
            return;
        }

        Record(container, field, original);
    }

    private void Rewrite(V1Container container, V1LifecycleHandler? hook, string field, string name)
    {
        if (hook?.HttpGet is not { } http)
            return;
        var original = KubernetesJson.Serialize(hook);
        if (Forward(container, http, $"/app-lifecycle/{container.Name}/{name}", HookTimeout, HookTimeout) is not { } action)
            return;
        hook.HttpGet = action;
        Record(container, field, original);
    }

    /// <summary>The action that asks the proxy instead; null where the application is to be asked as before.</summary>
    private V1HTTPGetAction? Forward(V1Container container, V1HTTPGetAction http, string path, TimeSpan period, TimeSpan timeout)
    {
        if (!string.IsNullOrEmpty(http.Host) || Resolve(container, http.Port) is not { } port)
            return null;
        var (target, query) = RequestPath.Split(http.Path);
        _probes.Add(
            new ApplicationProbe(path, http.Scheme == "HTTPS" ? ProbeProtocol.Https : ProbeProtocol.Http, port, target, period, timeout)
        );
        return new V1HTTPGetAction
        {
            Path = path + query,
            Port = ProxyPort.Probes,
            HttpHeaders = http.HttpHeaders,
            Scheme = http.Scheme is null ? null : "HTTP",
        };
    }

    /// <summary>The number of a port that is given by number, or by the name of one of the container's; null where the kubelet would not
    /// find it either, or where it is not captured.</summary>
    private int? Resolve(V1Container container, IntOrString? port)
    {
        if (port?.Value is not { Length: > 0 } text)
            return null;
        int? number = int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var given)
            ? given
            : container.Ports?.FirstOrDefault(p => p.Name == text)?.ContainerPort;
        return number is { } found && IsCaptured(found) ? found : null;
    }

    private bool IsCaptured(int port) =>
        port is > 0 and <= 65535 && !ProxyPort.IsInRange(port) && !_settings.ExcludedInboundPorts.Contains(port);

    private void Record(V1Container container, string field, string original)
    {
        if (_originals[container.Name] is not JsonObject fields)
            _originals[container.Name] = fields = [];
        fields[field] = JsonNode.Parse(original);
    }

    private static int? Positive(int? seconds) => seconds > 0 ? seconds : null;
}
