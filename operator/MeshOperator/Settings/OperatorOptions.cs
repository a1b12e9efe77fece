using System.Reflection;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Settings;

/// <summary>Whose configuration is sent to proxies that have no list of their own.</summary>
internal enum DefaultUpstreams
{
    /// <summary>All of the mesh.</summary>
    Mesh,

    /// <summary>Those of their own namespace.</summary>
    Namespace,
}

/// <summary>The operator's settings, from its command line.</summary>
internal sealed record OperatorOptions
{
    /// <summary>The operator's own namespace: the CA's Secret is there, and mesh-wide policies.</summary>
    public string Namespace { get; init; } = "mesh-system";

    /// <summary>The SPIFFE trust domain.</summary>
    public string TrustDomain { get; init; } = "cluster.local";

    /// <summary>The domain of the cluster's names.</summary>
    public string ClusterDomain { get; init; } = Settings.ClusterDomain.Default;

    /// <summary>The operator's service, whose DNS names the serving certificate has.</summary>
    public string ServiceName { get; init; } = "mesh-operator";

    /// <summary>The name of both webhook configurations.</summary>
    public string WebhookConfiguration { get; init; } = "mesh-operator";

    /// <summary>The name of the MeshCertificateAuthority that counts.</summary>
    public string CertificateAuthority { get; init; } = Api.MeshNames.CertificateAuthority;

    /// <summary>Whether the operator makes the webhook configurations itself, with the URL of this process; else the chart made them and
    /// the operator only keeps their CA bundle.</summary>
    public bool OwnWebhookConfigurations { get; init; }

    /// <summary>This replica's name in the leader election; null means that it is the only one.</summary>
    public string? ElectionIdentity { get; init; }

    /// <summary>The version of the program, by which replicas find out whether they make the same of the same objects.</summary>
    public string Version { get; init; } =
        typeof(OperatorOptions).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? string.Empty;

    /// <summary>The port of ADS over TLS; 0 for any.</summary>
    public int XdsTlsPort { get; init; } = 15012;

    /// <summary>The port of plaintext ADS, on loopback only and without authentication; null for none, 0 for any.</summary>
    public int? XdsPlaintextPort { get; init; }

    /// <summary>The port of the webhooks; 0 for any.</summary>
    public int WebhookPort { get; init; } = 9443;

    /// <summary>The port of metrics and health; 0 for any.</summary>
    public int MetricsPort { get; init; } = 8080;

    /// <summary>The port on which other replicas ask this one; 0 for any. Open where a leader is elected.</summary>
    public int ReplicaPort { get; init; } = 15013;

    /// <summary>How many streams of proxies wait to be authenticated at once.</summary>
    public int MaxWaitingStreams { get; init; } = new Xds.Server.XdsServerOptions().MaxWaitingStreams;

    /// <summary>The address at which other replicas reach this one; null for that of this machine.</summary>
    public string? ReplicaHost { get; init; }

    /// <summary>How long a replica that is to stop goes on, not ready, so that nobody new comes to it.</summary>
    public TimeSpan ShutdownDelay { get; init; }

    /// <summary>Whether the process is the operator's, which then ends it on signals; else whoever started it does.</summary>
    public bool OwnsProcess { get; init; } = true;

    /// <summary>Called before each translation, and may throw: how tests make one fail on an object. Null otherwise.</summary>
    public Action<ClusterSnapshot>? TranslationFault { get; init; }

    /// <summary>Whether all ports are on loopback only.</summary>
    public bool LoopbackOnly { get; init; }

    /// <summary>Whether containers of pods really run. Where none does, as with <c>meshop local --proxy None</c>, a proxy that is not
    /// connected is not there.</summary>
    public bool PodsRun { get; init; } = true;

    /// <summary>What sidecars are like. The operator adds what it knows of itself and of the cluster.</summary>
    public Injection.InjectionOptions Injection { get; init; } = new();

    /// <summary>Whose configuration is sent to proxies that have no annotation for it.</summary>
    public DefaultUpstreams DefaultUpstreams { get; init; }

    /// <summary>What proxies log, and where they send spans.</summary>
    public Xds.Translation.Telemetry.TelemetrySettings Telemetry { get; init; } = new();

    /// <summary>How proxies write names of headers.</summary>
    public Xds.Translation.Shared.HeaderCase HeaderCase { get; init; }

    /// <summary>Who besides the Services of their own namespace checks of gradual shifts may ask.</summary>
    public CheckHosts ShiftCheckHosts { get; init; } = CheckHosts.None;

    /// <summary>How many gradual shifts of a namespace are in progress at once.</summary>
    public int MaxShiftsPerNamespace { get; init; } = 10;

    /// <summary>Where an event of each transition of a gradual shift is sent; null for nowhere.</summary>
    public Uri? ShiftEventsUrl { get; init; }

    /// <summary>The lowest level that is logged.</summary>
    public Serilog.Events.LogEventLevel LogLevel { get; init; } = Serilog.Events.LogEventLevel.Information;

    /// <summary>Whether the log is JSON, a line an event.</summary>
    public bool JsonLog { get; init; } = true;

    /// <summary>The SPIFFE identity with which the operator calls servers of the mesh.</summary>
    public string Identity => IdentityFor(TrustDomain, Namespace, ServiceName);

    /// <summary>Host names of the serving certificate: the service's in the cluster.</summary>
    public IReadOnlyList<string> ServingNames =>
        [
            $"{ServiceName}.{Namespace}.svc",
            $"{ServiceName}.{Namespace}",
            $"{ServiceName}.{Namespace}.svc.cluster.local",
            ServiceName,
            "localhost",
        ];

    /// <summary>The SPIFFE identity of an operator.</summary>
    public static string IdentityFor(string trustDomain, string ns, string service) => $"spiffe://{trustDomain}/ns/{ns}/sa/{service}";
}
