namespace MeshOperator.LocalCluster.Schemas;

/// <summary>
/// How the lists and maps of the built-in kinds merge: facts of the Kubernetes API that the client's classes do not carry.
/// Lists that are not named here are atomic.
/// </summary>
internal static class MergeKeys
{
    /// <summary>Lists by "Type.field": the keys of server-side apply; the first is the strategic merge key.</summary>
    public static readonly Dictionary<string, string[]> MapLists = new(StringComparer.Ordinal)
    {
        ["*.conditions"] = ["type"],
        ["ObjectMeta.ownerReferences"] = ["uid"],
        ["MutatingWebhook.matchConditions"] = ["name"],
        ["ValidatingWebhook.matchConditions"] = ["name"],
        ["MutatingWebhookConfiguration.webhooks"] = ["name"],
        ["ValidatingWebhookConfiguration.webhooks"] = ["name"],
        ["Container.env"] = ["name"],
        ["Container.ports"] = ["containerPort", "protocol"],
        ["Container.volumeDevices"] = ["devicePath"],
        ["Container.volumeMounts"] = ["mountPath"],
        ["EphemeralContainer.env"] = ["name"],
        ["EphemeralContainer.ports"] = ["containerPort", "protocol"],
        ["EphemeralContainer.volumeDevices"] = ["devicePath"],
        ["EphemeralContainer.volumeMounts"] = ["mountPath"],
        ["ContainerStatus.allocatedResourcesStatus"] = ["name"],
        ["ContainerStatus.volumeMounts"] = ["mountPath"],
        ["NodeStatus.addresses"] = ["type"],
        ["PodSpec.containers"] = ["name"],
        ["PodSpec.ephemeralContainers"] = ["name"],
        ["PodSpec.hostAliases"] = ["ip"],
        ["PodSpec.imagePullSecrets"] = ["name"],
        ["PodSpec.initContainers"] = ["name"],
        ["PodSpec.resourceClaims"] = ["name"],
        ["PodSpec.schedulingGates"] = ["name"],
        ["PodSpec.topologySpreadConstraints"] = ["topologyKey", "whenUnsatisfiable"],
        ["PodSpec.volumes"] = ["name"],
        ["PodStatus.podIPs"] = ["ip"],
        ["PodStatus.resourceClaimStatuses"] = ["name"],
        ["ResourceRequirements.claims"] = ["name"],
        ["ServiceAccount.secrets"] = ["name"],
        ["ServiceSpec.ports"] = ["port", "protocol"],
    };

    /// <summary>Lists that server-side apply replaces but a strategic merge patch merges by key.</summary>
    public static readonly Dictionary<string, string> PatchOnlyLists = new(StringComparer.Ordinal)
    {
        ["JobStatus.conditions"] = "type",
        ["PodStatus.hostIPs"] = "ip",
    };

    /// <summary>Lists of server-side apply's map type that a strategic merge patch replaces.</summary>
    public static readonly HashSet<string> ApplyOnlyLists = new(StringComparer.Ordinal)
    {
        "ResourceRequirements.claims",
        "CustomResourceDefinitionStatus.conditions",
    };

    public static readonly HashSet<string> SetLists = new(StringComparer.Ordinal)
    {
        "ObjectMeta.finalizers",
        "NodeSpec.podCIDRs",
        "Endpoint.addresses",
        "UncountedTerminatedPods.failed",
        "UncountedTerminatedPods.succeeded",
        "PodFailurePolicyOnExitCodesRequirement.values",
    };

    /// <summary>Sets that a strategic merge patch merges too.</summary>
    public static readonly HashSet<string> PatchMergeSets = new(StringComparer.Ordinal) { "ObjectMeta.finalizers", "NodeSpec.podCIDRs" };

    public static readonly HashSet<string> AtomicTypes = new(StringComparer.Ordinal)
    {
        "ConfigMapKeySelector",
        "EndpointAddress",
        "EndpointPort",
        "LocalObjectReference",
        "NodeSelector",
        "NodeSelectorTerm",
        "ObjectFieldSelector",
        "ObjectReference",
        "ResourceFieldSelector",
        "SecretKeySelector",
        "SecretReference",
        "TypedLocalObjectReference",
        "RoleRef",
        "Subject",
        "LabelSelector",
        "OwnerReference",
        "ServiceBackendPort",
    };

    public static readonly HashSet<string> AtomicMaps = new(StringComparer.Ordinal) { "PodSpec.nodeSelector", "ServiceSpec.selector" };

    public static readonly HashSet<string> RetainKeys = new(StringComparer.Ordinal)
    {
        "DeploymentSpec.strategy",
        "PodSpec.volumes",
        "PodSpec.resourceClaims",
        "PodStatus.resourceClaimStatuses",
    };

    /// <summary>Fields that must be present, by type, where the server refuses an object without them.</summary>
    public static readonly Dictionary<string, string[]> Required = new(StringComparer.Ordinal)
    {
        ["Container"] = ["name"],
        ["ContainerPort"] = ["containerPort"],
        ["CronJobSpec"] = ["schedule", "jobTemplate"],
        ["DaemonSetSpec"] = ["selector", "template"],
        ["DeploymentSpec"] = ["selector", "template"],
        ["EndpointSlice"] = ["addressType"],
        ["EnvVar"] = ["name"],
        ["JobSpec"] = ["template"],
        ["LabelSelectorRequirement"] = ["key", "operator"],
        ["OwnerReference"] = ["apiVersion", "kind", "name", "uid"],
        ["PodSpec"] = ["containers"],
        ["PolicyRule"] = ["verbs"],
        ["ReplicaSetSpec"] = ["selector"],
        ["RoleBinding"] = ["roleRef"],
        ["RoleRef"] = ["kind", "name"],
        ["ServicePort"] = ["port"],
        ["StatefulSetSpec"] = ["selector", "template"],
        ["Volume"] = ["name"],
        ["VolumeMount"] = ["name", "mountPath"],
        ["CustomResourceDefinition"] = ["spec"],
        ["CustomResourceDefinitionSpec"] = ["group", "names", "scope", "versions"],
        ["CustomResourceDefinitionNames"] = ["plural", "kind"],
        ["CustomResourceDefinitionVersion"] = ["name", "served", "storage"],
        ["MutatingWebhook"] = ["name", "clientConfig", "sideEffects", "admissionReviewVersions"],
        ["ValidatingWebhook"] = ["name", "clientConfig", "sideEffects", "admissionReviewVersions"],
    };
}
