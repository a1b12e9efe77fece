using k8s.Models;
using MeshOperator.Api;

namespace MeshOperator.Injection.Settings;

/// <summary>How traffic gets to the proxy.</summary>
internal enum Interception
{
    /// <summary>An init container sets redirection rules.</summary>
    Redirect,

    /// <summary>Something on the node sets them, such as a CNI plugin.</summary>
    External,

    /// <summary>There are none.</summary>
    None,
}

/// <summary>How connections reach the application of a pod to which nothing is redirected.</summary>
internal enum InboundMode
{
    /// <summary>They bypass the proxy.</summary>
    Direct,

    /// <summary>The proxy listens on the pod's address, and the application on loopback.</summary>
    Proxy,
}

/// <summary>What one pod's sidecar is to be: its annotations, and the operator's options where it has none.</summary>
internal sealed record SidecarSettings
{
    private const int DefaultConcurrency = 2;

    public required string Image { get; init; }

    public required V1ResourceRequirements Resources { get; init; }

    /// <summary>Those of the init container.</summary>
    public required V1ResourceRequirements InitResources { get; init; }

    /// <summary>How many worker threads the proxy has.</summary>
    public required int Concurrency { get; init; }

    /// <summary>Beginnings of the names of statistics to keep besides the usual ones.</summary>
    public required IReadOnlyList<string> Statistics { get; init; }

    /// <summary>How many headers a request or a response may have.</summary>
    public required int MaxHeaders { get; init; }

    /// <summary>How many KiB they may have together.</summary>
    public required int MaxHeaderKib { get; init; }

    public required string LogLevel { get; init; }

    public required IReadOnlyList<string> ImagePullSecrets { get; init; }

    public required IReadOnlyList<int> ExcludedInboundPorts { get; init; }

    public required IReadOnlyList<int> ExcludedOutboundPorts { get; init; }

    public required IReadOnlyList<string> ExcludedOutboundCidrs { get; init; }

    public required bool IsNative { get; init; }

    public required Interception Interception { get; init; }

    public required InboundMode Inbound { get; init; }

    /// <summary>The loopback address on which the application listens where <see cref="Inbound"/> is <see cref="InboundMode.Proxy"/>; null
    /// where the annotation is not set.</summary>
    public required string? ApplicationAddress { get; init; }

    /// <summary>The loopback address on which the proxy listens for the application's requests where <see cref="Interception"/> is
    /// <see cref="Settings.Interception.None"/>; null where the annotation is not set. The operator reads the annotation, too, when it
    /// makes the proxy's listeners.</summary>
    public required string? ProxyAddress { get; init; }

    /// <summary>Whether the proxy listens on the pod's address at the application's ports.</summary>
    public bool BindsInbound => Interception == Interception.None && Inbound == InboundMode.Proxy;

    /// <summary>Reads the settings, or says what is wrong with which of them and how it is written.</summary>
    public static (SidecarSettings? Settings, string? Problem) Read(IDictionary<string, string>? annotations, InjectionOptions options)
    {
        var reader = new SettingReader(annotations);
        var resources = ContainerResources.ForProxy(reader, options);
        var settings = new SidecarSettings
        {
            Image = reader.Text(SidecarAnnotations.ProxyImage, options.ProxyImage, SettingValues.Image),
            Resources = resources,
            InitResources = ContainerResources.ForInit(reader, options, resources),
            Concurrency =
                reader.Optional(SidecarAnnotations.ProxyConcurrency, options.ProxyConcurrency, SettingValues.Concurrency) is { } threads
                && int.TryParse(threads, out var given)
                    ? given
                    : ComputeConcurrency(resources),
            Statistics = reader.List(SidecarAnnotations.ProxyStatistics, options.ProxyStatistics, SettingValues.Statistic),
            MaxHeaders = reader.Text(SidecarAnnotations.ProxyMaxHeaders, options.ProxyMaxHeaders, SettingValues.Headers),
            MaxHeaderKib = reader.Text(SidecarAnnotations.ProxyMaxHeaderKib, options.ProxyMaxHeaderKib, SettingValues.HeaderKib),
            LogLevel = reader.Text(SidecarAnnotations.ProxyLogLevel, options.ProxyLogLevel, SettingValues.LogLevel),
            ImagePullSecrets = reader.List(SidecarAnnotations.ImagePullSecrets, options.ImagePullSecrets, SettingValues.SecretName),
            ExcludedInboundPorts = reader.List(SidecarAnnotations.ExcludeInboundPorts, options.ExcludeInboundPorts, SettingValues.Port),
            ExcludedOutboundPorts = reader.List(SidecarAnnotations.ExcludeOutboundPorts, options.ExcludeOutboundPorts, SettingValues.Port),
            ExcludedOutboundCidrs = reader.List(SidecarAnnotations.ExcludeOutboundCidrs, options.ExcludeOutboundCidrs, SettingValues.Cidr),
            IsNative = reader.Text(SidecarAnnotations.NativeSidecar, IsNativeByDefault(options) ? "true" : "false", SettingValues.Boolean),
            Interception = reader.Text(SidecarAnnotations.Interception, options.Interception, SettingValues.Interception),
            Inbound = reader.Text(SidecarAnnotations.Inbound, options.Inbound, SettingValues.Inbound),
            ApplicationAddress = reader.Annotation(SidecarAnnotations.ApplicationAddress, SettingValues.Loopback),
            ProxyAddress = reader.Annotation(SidecarAnnotations.ProxyAddress, SettingValues.Loopback),
        };
        // The operator reads these when it makes the proxy's clusters and listeners; the sidecar itself does not differ.
        _ = reader.Text(SidecarAnnotations.ApplicationIdleTimeout, options.ApplicationIdleTimeout, SettingValues.Duration);
        _ = reader.Text(SidecarAnnotations.ApplicationConnectTimeout, options.ApplicationConnectTimeout, SettingValues.DurationAboveZero);
        _ = reader.Optional(SidecarAnnotations.ApplicationMaxConnections, options.ApplicationMaxConnections, SettingValues.Count);
        _ = reader.Optional(
            SidecarAnnotations.ApplicationRequestsPerConnection,
            options.ApplicationRequestsPerConnection,
            SettingValues.Count
        );
        _ = reader.Text(SidecarAnnotations.LocalPorts, string.Empty, SettingValues.LocalPorts);
        // By it the pod's proxy is sent less than the mesh; the sidecar itself does not differ.
        _ = reader.Text(SidecarAnnotations.Upstreams, UpstreamList.Any, SettingValues.Upstreams);
        return (reader.Problem ?? FindContradiction(reader, settings)) is { } problem ? (null, problem) : (settings, null);
    }

    /// <summary>What only pods without redirection can have.</summary>
    private static string? FindContradiction(SettingReader reader, SidecarSettings settings)
    {
        if (settings.Interception == Interception.None)
            return null;
        var annotation =
            reader.Has(SidecarAnnotations.Inbound) && settings.Inbound == InboundMode.Proxy ? SidecarAnnotations.Inbound
            : reader.Has(SidecarAnnotations.LocalPorts) ? SidecarAnnotations.LocalPorts
            : null;
        return annotation is null
            ? null
            : $"metadata.annotations[{annotation}]: needs interception mode none; add the annotation "
                + $"{SidecarAnnotations.Interception}: none, or remove this one";
    }

    /// <summary>By itself Envoy has a thread for each CPU of the node, whatever the limit.</summary>
    private static int ComputeConcurrency(V1ResourceRequirements resources) =>
        resources.Limits?.TryGetValue("cpu", out var limit) == true && limit is not null
            ? Math.Max(1, (int)decimal.Ceiling(limit.ToDecimal()))
            : DefaultConcurrency;

    private static bool IsNativeByDefault(InjectionOptions options) =>
        options.NativeSidecars switch
        {
            NativeSidecarMode.Always => true,
            NativeSidecarMode.Never => false,
            _ => options.KubernetesVersion >= KubernetesVersion.NativeSidecars,
        };
}
