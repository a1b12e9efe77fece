namespace MeshOperator.Api;

/// <summary>Labels, annotations and names of objects that users and the operator share.</summary>
public static class MeshNames
{
    /// <summary>The API group of the policies, and the prefix of labels and annotations.</summary>
    public const string Group = "meshoperator.io";

    /// <summary>The version of the policies.</summary>
    public const string Version = "v1alpha1";

    /// <summary>The namespace label that opts its pods in, with the value <see cref="InjectionEnabled"/>.</summary>
    public const string InjectionLabel = "meshoperator.io/injection";

    /// <summary>The value of <see cref="InjectionLabel"/> that opts in.</summary>
    public const string InjectionEnabled = "enabled";

    /// <summary>The pod label, <c>"true"</c> or <c>"false"</c>, that wins over the namespace's.</summary>
    public const string InjectLabel = "meshoperator.io/inject";

    /// <summary>Namespaces of Kubernetes itself, whose pods keep the cluster running and never have a sidecar.</summary>
    public static IReadOnlyList<string> SystemNamespaces { get; } = ["kube-system", "kube-public", "kube-node-lease"];

    /// <summary>The annotation of an injected pod: JSON that names what was added.</summary>
    public const string StatusAnnotation = "meshoperator.io/status";

    /// <summary>The annotation of an injected pod with the probes and hooks that were rewritten, as they were: JSON by container and field.</summary>
    public const string ProbesAnnotation = "meshoperator.io/probes";

    /// <summary>The annotation of an injected pod with the ports whose connections do not pass its proxy, so that nobody speaks mutual TLS to
    /// them: numbers separated by commas, or <see cref="AllPorts"/>.</summary>
    public const string DirectPortsAnnotation = "meshoperator.io/direct-ports";

    /// <summary>The value of <see cref="DirectPortsAnnotation"/> that means every port.</summary>
    public const string AllPorts = "*";

    /// <summary>The annotation of a pod that was selected for the sidecar and did not get it: why.</summary>
    public const string NotInjectedAnnotation = "meshoperator.io/not-injected";

    /// <summary>The label of an injected pod, with the value <see cref="ProxyEnvoy"/>.</summary>
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

    /// <summary>The annotation of the MeshCertificateAuthority that asks for a rotation whenever its value changes, and of Secret
    /// <see cref="CaSecret"/> that names the last one asked for.</summary>
    public const string RotateAnnotation = "meshoperator.io/rotate";

    /// <summary>The field manager of everything that the operator applies.</summary>
    public const string FieldManager = "mesh-operator";

    /// <summary>The label of objects that the operator keeps, with the value <see cref="FieldManager"/>.</summary>
    public const string ManagedByLabel = "app.kubernetes.io/managed-by";
}
