using System.CommandLine;
using MeshOperator.Injection;

namespace MeshOperator.Commands;

/// <summary>The command line's options of what sidecars are like. Annotations of pods win over them.</summary>
internal sealed class SidecarOptions
{
    private static readonly InjectionOptions Defaults = new();
    private readonly Option<string> _image = Text("--proxy-image", "The sidecars' image.", Defaults.ProxyImage);
    private readonly Option<string> _initImage = Text(
        "--init-image",
        "The image of the init container that redirects traffic.",
        Defaults.InitImage
    );
    private readonly Option<string> _cpu = Text("--proxy-cpu", "The sidecars' CPU request.", Defaults.ProxyCpu);
    private readonly Option<string> _memory = Text("--proxy-memory", "The sidecars' memory request.", Defaults.ProxyMemory);
    private readonly Option<string> _cpuLimit = Text(
        "--proxy-cpu-limit",
        "The sidecars' CPU limit; empty for no limit.",
        Defaults.ProxyCpuLimit
    );
    private readonly Option<string> _memoryLimit = Text(
        "--proxy-memory-limit",
        "The sidecars' memory limit; empty for no limit.",
        Defaults.ProxyMemoryLimit
    );
    private readonly Option<string> _initCpu = Text(
        "--init-cpu",
        "The init container's CPU request; empty for the sidecar's.",
        Defaults.InitCpu
    );
    private readonly Option<string> _initMemory = Text(
        "--init-memory",
        "The init container's memory request; empty for the sidecar's.",
        Defaults.InitMemory
    );
    private readonly Option<string> _initCpuLimit = Text(
        "--init-cpu-limit",
        "The init container's CPU limit; empty for the sidecar's.",
        Defaults.InitCpuLimit
    );
    private readonly Option<string> _initMemoryLimit = Text(
        "--init-memory-limit",
        "The init container's memory limit; empty for the sidecar's.",
        Defaults.InitMemoryLimit
    );
    private readonly Option<string> _concurrency = Text(
        "--proxy-concurrency",
        "The sidecars' worker threads; empty for the CPU limit rounded up, or 2 without one.",
        Defaults.ProxyConcurrency
    );
    private readonly Option<string> _statistics = Text(
        "--proxy-statistics",
        "Prefixes of the names of further statistics that sidecars keep, separated by commas; * keeps all.",
        Defaults.ProxyStatistics
    );
    private readonly Option<string> _headers = Text(
        "--proxy-max-headers",
        "Maximum number of headers of a request or a response, 100 to 10000.",
        Defaults.ProxyMaxHeaders
    );
    private readonly Option<string> _headerKib = Text(
        "--proxy-max-header-kib",
        "Maximum size in KiB of all headers of a request or a response, 60 to 8192.",
        Defaults.ProxyMaxHeaderKib
    );
    private readonly Option<string> _applicationIdle = Text(
        "--application-idle-timeout",
        "How long sidecars keep an unused connection to their application; shorter than the application's keep-alive timeout.",
        Defaults.ApplicationIdleTimeout
    );
    private readonly Option<string> _applicationConnect = Text(
        "--application-connect-timeout",
        "How long sidecars wait for a connection to their application.",
        Defaults.ApplicationConnectTimeout
    );
    private readonly Option<string> _applicationConnections = Text(
        "--application-max-connections",
        "Maximum number of connections that a sidecar has open to each port of its application; empty for no limit.",
        Defaults.ApplicationMaxConnections
    );
    private readonly Option<string> _applicationRequests = Text(
        "--application-requests-per-connection",
        "Number of requests after which sidecars close a connection to their application; empty for no limit.",
        Defaults.ApplicationRequestsPerConnection
    );
    private readonly Option<string> _level = Text(
        "--proxy-log-level",
        "The sidecars' log level: trace, debug, info, warning, error, critical or off.",
        Defaults.ProxyLogLevel
    );
    private readonly Option<string> _secrets = Text(
        "--image-pull-secrets",
        "Secrets of the pods' namespaces to pull the images with, separated by commas.",
        Defaults.ImagePullSecrets
    );
    private readonly Option<string> _inbound = Text(
        "--exclude-inbound-ports",
        "Inbound ports that bypass the proxy (plaintext, no policies), separated by commas.",
        Defaults.ExcludeInboundPorts
    );
    private readonly Option<string> _outbound = Text(
        "--exclude-outbound-ports",
        "Outbound ports that bypass the proxy, separated by commas.",
        Defaults.ExcludeOutboundPorts
    );
    private readonly Option<string> _networks = Text(
        "--exclude-outbound-cidrs",
        "Outbound networks that bypass the proxy, separated by commas.",
        Defaults.ExcludeOutboundCidrs
    );
    private readonly Option<string> _interception = Text(
        "--interception",
        "How traffic reaches the sidecars: redirect, external or none.",
        Defaults.Interception
    );
    private readonly Option<string> _inboundMode = Text(
        "--inbound",
        "Without interception, how connections reach applications: proxy (the sidecar listens on the pod's address) or direct.",
        Defaults.Inbound
    );
    private readonly Option<NativeSidecarMode> _native = new("--native-sidecars")
    {
        Description = "Whether sidecars are native: Auto (from Kubernetes 1.29 on), Always or Never.",
        DefaultValueFactory = _ => NativeSidecarMode.Auto,
    };

    /// <summary>Adds the options, and refuses the command when one of them would make every pod be refused.</summary>
    public void AddTo(Command command)
    {
        foreach (
            var option in new Option[]
            {
                _image,
                _initImage,
                _cpu,
                _memory,
                _cpuLimit,
                _memoryLimit,
                _initCpu,
                _initMemory,
                _initCpuLimit,
                _initMemoryLimit,
                _concurrency,
                _statistics,
                _headers,
                _headerKib,
                _applicationIdle,
                _applicationConnect,
                _applicationConnections,
                _applicationRequests,
                _level,
                _secrets,
                _inbound,
                _outbound,
                _networks,
                _interception,
                _inboundMode,
                _native,
            }
        )
            command.Options.Add(option);
        command.Validators.Add(result =>
        {
            // The option itself reports what is no mode at all, later.
            if (Create(result.GetValue, NativeSidecarMode.Auto).Problem is { } problem)
                result.AddError(problem);
        });
    }

    public InjectionOptions Read(ParseResult parsed) => Create(parsed.GetValue, parsed.GetValue(_native));

    /// <summary>A command is validated before options that were not given have their defaults.</summary>
    private InjectionOptions Create(Func<Option<string>, string?> value, NativeSidecarMode native) =>
        Defaults with
        {
            ProxyImage = value(_image) ?? Defaults.ProxyImage,
            InitImage = value(_initImage) ?? Defaults.InitImage,
            ProxyCpu = value(_cpu) ?? Defaults.ProxyCpu,
            ProxyMemory = value(_memory) ?? Defaults.ProxyMemory,
            ProxyCpuLimit = value(_cpuLimit) ?? Defaults.ProxyCpuLimit,
            ProxyMemoryLimit = value(_memoryLimit) ?? Defaults.ProxyMemoryLimit,
            InitCpu = value(_initCpu) ?? Defaults.InitCpu,
            InitMemory = value(_initMemory) ?? Defaults.InitMemory,
            InitCpuLimit = value(_initCpuLimit) ?? Defaults.InitCpuLimit,
            InitMemoryLimit = value(_initMemoryLimit) ?? Defaults.InitMemoryLimit,
            ProxyConcurrency = value(_concurrency) ?? Defaults.ProxyConcurrency,
            ProxyStatistics = value(_statistics) ?? Defaults.ProxyStatistics,
            ProxyMaxHeaders = value(_headers) ?? Defaults.ProxyMaxHeaders,
            ProxyMaxHeaderKib = value(_headerKib) ?? Defaults.ProxyMaxHeaderKib,
            ApplicationIdleTimeout = value(_applicationIdle) ?? Defaults.ApplicationIdleTimeout,
            ApplicationConnectTimeout = value(_applicationConnect) ?? Defaults.ApplicationConnectTimeout,
            ApplicationMaxConnections = value(_applicationConnections) ?? Defaults.ApplicationMaxConnections,
            ApplicationRequestsPerConnection = value(_applicationRequests) ?? Defaults.ApplicationRequestsPerConnection,
            ProxyLogLevel = value(_level) ?? Defaults.ProxyLogLevel,
            ImagePullSecrets = value(_secrets) ?? Defaults.ImagePullSecrets,
            ExcludeInboundPorts = value(_inbound) ?? Defaults.ExcludeInboundPorts,
            ExcludeOutboundPorts = value(_outbound) ?? Defaults.ExcludeOutboundPorts,
            ExcludeOutboundCidrs = value(_networks) ?? Defaults.ExcludeOutboundCidrs,
            Interception = value(_interception) ?? Defaults.Interception,
            Inbound = value(_inboundMode) ?? Defaults.Inbound,
            NativeSidecars = native,
        };

    private static Option<string> Text(string name, string description, string value) =>
        new(name) { Description = description, DefaultValueFactory = _ => value };
}
