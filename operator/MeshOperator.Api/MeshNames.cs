namespace MeshOperator.Api;

/// <summary>Labels, annotations and names of objects that users and the operator share.</summary>
public static class MeshNames
{
    /// <summary>The API group of the policies, and the prefix of labels and annotations.</summary>
    public const string Group = "meshoperator.io";

    /// <summary>The version of the policies.</summary>
    public const string Version = "v1alpha1";

    /// <summary>With the value <see cref="InjectionEnabled"/>, the pods of the namespace are injected.</summary>
    public const string InjectionLabel = "meshoperator.io/injection";

    /// <summary>The value of <see cref="InjectionLabel"/> that opts in.</summary>
    public const string InjectionEnabled = "enabled";

    /// <summary><c>"true"</c> or <c>"false"</c>. Takes precedence over the namespace's label.</summary>
    public const string InjectLabel = "meshoperator.io/inject";

    /// <summary>Namespaces of Kubernetes itself, whose pods keep the cluster running and never have a sidecar.</summary>
    public static IReadOnlyList<string> SystemNamespaces { get; } = ["kube-system", "kube-public", "kube-node-lease"];

    /// <summary>What injection added: JSON with the operator's version and the names of containers and volumes.</summary>
    public const string StatusAnnotation = "meshoperator.io/status";

    /// <summary>The original probes and HTTP hooks that injection rewrote: JSON by container and field.</summary>
    public const string ProbesAnnotation = "meshoperator.io/probes";

    /// <summary>Inbound ports that bypass the proxy, separated by commas, or <see cref="AllPorts"/> for all. Callers send plaintext to
    /// them.</summary>
    public const string DirectPortsAnnotation = "meshoperator.io/direct-ports";

    /// <summary>The value of <see cref="DirectPortsAnnotation"/> that means every port.</summary>
    public const string AllPorts = "*";

    /// <summary>How connections reach an application to which nothing is redirected; <see cref="InboundProxy"/> where the proxy listens at
    /// its ports.</summary>
    public const string InboundModeAnnotation = "meshoperator.io/inbound-mode";

    /// <summary>The value of <see cref="InboundModeAnnotation"/> of a pod whose proxy listens at the application's ports.</summary>
    public const string InboundProxy = "proxy";

    /// <summary>With the value <c>"true"</c>, the pod's proxy can share rate limits with other pods. Pods that were injected by an operator
    /// before it could do that lack it, and count alone.</summary>
    public const string SharedLimitsAnnotation = "meshoperator.io/shared-limits";

    /// <summary>With the value <c>operator</c>, the operator orders the pod's proxy to end when the other containers have ended for good.
    /// So it is with a classic sidecar where the pod's <c>restartPolicy</c> is <c>Never</c> or <c>OnFailure</c>.</summary>
    public const string CompletionAnnotation = "meshoperator.io/completion";

    /// <summary>The value of <see cref="CompletionAnnotation"/>.</summary>
    public const string CompletedByOperator = "operator";

    /// <summary>The path at which a proxy takes the order to end.</summary>
    public const string CompletionPath = "/quitquitquit";

    /// <summary>The proxy's cluster of the pods with which it shares rate limits, its own among them.</summary>
    public const string LimitMembersCluster = "limit-members";

    /// <summary>Why a selected pod was not injected.</summary>
    public const string NotInjectedAnnotation = "meshoperator.io/not-injected";

    /// <summary>Marks an injected pod; the value is <see cref="ProxyEnvoy"/>.</summary>
    public const string ProxyLabel = "meshoperator.io/proxy";

    /// <summary>The value of <see cref="ProxyLabel"/>.</summary>
    public const string ProxyEnvoy = "envoy";

    /// <summary>The audience of the tokens with which proxies identify themselves.</summary>
    public const string TokenAudience = "meshoperator.io";

    /// <summary>The layer of runtime values that proxies get from the operator.</summary>
    public const string RuntimeLayer = "mesh-runtime";

    /// <summary>The ConfigMap with the trust bundle in each injected namespace.</summary>
    public const string TrustBundleConfigMap = "mesh-trust-bundle";

    /// <summary>The key of the bundle in <see cref="TrustBundleConfigMap"/>, and of the root in <see cref="CaSecret"/>.</summary>
    public const string CaCertificateKey = "ca.crt";

    /// <summary>The Secret of the certificate authority in the operator's namespace.</summary>
    public const string CaSecret = "mesh-ca";

    /// <summary>The Secret in which the operator keeps how far a rotation of the certificate authority is.</summary>
    public const string CaStateSecret = "mesh-ca-state";

    /// <summary>The name of the MeshCertificateAuthority that counts.</summary>
    public const string CertificateAuthority = "mesh";

    /// <summary>On the MeshCertificateAuthority: requests a rotation whenever its value changes (<c>meshop ca rotate</c> sets it). On
    /// Secret <see cref="CaSecret"/>: the last rotation that was started.</summary>
    public const string RotateAnnotation = "meshoperator.io/rotate";

    /// <summary>On a TrafficSplit: a command for its gradual shift, for example <c>approve model-v2/3</c>, which is carried out once
    /// (<c>meshop shift</c> sets it).</summary>
    public const string ShiftAnnotation = "meshoperator.io/shift";

    /// <summary>The ALPN protocol that clients offer to say that they are of the mesh. Servers choose chains by it and never select
    /// it, so that the bytes inside are recognised by their content.</summary>
    public const string Alpn = "meshoperator";

    /// <summary>What clients offer before <see cref="Alpn"/> when HTTP is inside, which the server cannot look for before it has chosen a
    /// chain.</summary>
    public const string HttpAlpn = "meshoperator-http";

    /// <summary>Where a sidecar serves, beside its metrics, how long the requests of gradual shifts took.</summary>
    public const string ShiftLatencyPath = "/stats/shifts";

    /// <summary>The secret of a proxy's own certificate and key.</summary>
    public const string IdentitySecret = "identity";

    /// <summary>The secret of the roots that proxies trust.</summary>
    public const string TrustBundleSecret = "trust-bundle";

    /// <summary>The field manager of everything that the operator applies.</summary>
    public const string FieldManager = "mesh-operator";

    /// <summary>Marks the Leases by which replicas report to each other; its value says what is in one.</summary>
    public const string ReplicaReportLabel = "meshoperator.io/replica-report";

    /// <summary>Marks objects that the operator keeps up to date; the value is <see cref="FieldManager"/>.</summary>
    public const string ManagedByLabel = "app.kubernetes.io/managed-by";
}
