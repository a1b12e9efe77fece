using k8s.Models;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Schemas;
using MeshOperator.LocalCluster.Tables;

namespace MeshOperator.LocalCluster.Builtin;

/// <summary>The table of the built-in kinds.</summary>
internal static class BuiltinKinds
{
    private const string Core = "";
    private const string Apps = "apps";
    private const string Batch = "batch";
    private const string Rbac = "rbac.authorization.k8s.io";
    private const string Registration = "admissionregistration.k8s.io";
    private static readonly ScalePaths WorkloadScale = new("spec.replicas", "status.replicas", "spec.selector");

    private static readonly string[] EventFields =
    [
        "involvedObject.kind",
        "involvedObject.namespace",
        "involvedObject.name",
        "involvedObject.uid",
        "involvedObject.apiVersion",
        "involvedObject.resourceVersion",
        "involvedObject.fieldPath",
        "reason",
        "reportingComponent",
        "source.component",
        "type",
    ];

    /// <summary>Builds the table.</summary>
    public static IReadOnlyList<ResourceKind> Table() =>
        [
            Row<V1Namespace>(
                Core,
                "namespaces",
                "ns",
                namespaced: false,
                status: true,
                strategy: Strategies.Namespace,
                fields: ["status.phase"]
            ),
            Row<V1Node>(Core, "nodes", "no", namespaced: false, status: true, fields: ["spec.unschedulable"]),
            Row<V1Pod>(
                Core,
                "pods",
                "po",
                status: true,
                all: true,
                strategy: Strategies.Pod,
                generation: true,
                fields:
                [
                    "spec.nodeName",
                    "spec.restartPolicy",
                    "spec.schedulerName",
                    "spec.serviceAccountName",
                    "spec.hostNetwork",
                    "status.phase",
                    "status.podIP",
                    "status.nominatedNodeName",
                ]
            ),
            Row<V1Service>(
                Core,
                "services",
                "svc",
                status: true,
                all: true,
                strategy: Strategies.Service,
                fields: ["spec.clusterIP", "spec.type"]
            ),
            Row<V1Endpoints>(Core, "endpoints", "ep", singular: "endpoints", strategy: Strategies.Endpoints),
            Row<V1ResourceQuota>(Core, "resourcequotas", "quota", status: true),
            Row<V1ServiceAccount>(Core, "serviceaccounts", "sa"),
            Row<V1Secret>(Core, "secrets", "", strategy: Strategies.Secret, fields: ["type"]),
            Row<V1ConfigMap>(Core, "configmaps", "cm", strategy: Strategies.ConfigMap),
            Row<Corev1Event>(Core, "events", "ev", kind: "Event", collection: "events", strategy: Strategies.Event, fields: EventFields),
            Row<V1PersistentVolumeClaim>(Core, "persistentvolumeclaims", "pvc", status: true, strategy: Strategies.PersistentVolumeClaim),
            Row<V1Deployment>(
                Apps,
                "deployments",
                "deploy",
                status: true,
                all: true,
                scale: WorkloadScale,
                generation: true,
                strategy: Strategies.Deployment
            ),
            Row<V1ReplicaSet>(
                Apps,
                "replicasets",
                "rs",
                status: true,
                all: true,
                scale: WorkloadScale,
                generation: true,
                strategy: Strategies.ReplicaSet,
                fields: ["status.replicas"]
            ),
            Row<V1StatefulSet>(
                Apps,
                "statefulsets",
                "sts",
                status: true,
                all: true,
                scale: WorkloadScale,
                generation: true,
                strategy: Strategies.StatefulSet
            ),
            Row<V1DaemonSet>(Apps, "daemonsets", "ds", status: true, all: true, generation: true, strategy: Strategies.DaemonSet),
            Row<V1ControllerRevision>(Apps, "controllerrevisions", ""),
            Row<V1Job>(
                Batch,
                "jobs",
                "",
                status: true,
                all: true,
                generation: true,
                strategy: Strategies.Job,
                fields: ["status.successful"]
            ),
            Row<V1CronJob>(Batch, "cronjobs", "cj", status: true, all: true, generation: true, strategy: Strategies.CronJob),
            Row<V1EndpointSlice>("discovery.k8s.io", "endpointslices", "", generation: true, strategy: Strategies.EndpointSlice),
            Row<V1Lease>("coordination.k8s.io", "leases", ""),
            Row<Eventsv1Event>(
                "events.k8s.io",
                "events",
                "ev",
                kind: "Event",
                collection: "events",
                converted: true,
                strategy: Strategies.Event,
                fields:
                [
                    "regarding.kind",
                    "regarding.namespace",
                    "regarding.name",
                    "regarding.uid",
                    "reason",
                    "reportingController",
                    "type",
                ]
            ),
            Row<V1Role>(Rbac, "roles", "", strategy: Strategies.Rbac),
            Row<V1RoleBinding>(Rbac, "rolebindings", "", strategy: Strategies.Rbac),
            Row<V1ClusterRole>(Rbac, "clusterroles", "", namespaced: false, strategy: Strategies.Rbac),
            Row<V1ClusterRoleBinding>(Rbac, "clusterrolebindings", "", namespaced: false, strategy: Strategies.Rbac),
            Row<V1PodDisruptionBudget>("policy", "poddisruptionbudgets", "pdb", status: true, generation: true),
            Row<V1NetworkPolicy>("networking.k8s.io", "networkpolicies", "netpol", generation: true, singular: "networkpolicy"),
            Row<V1MutatingWebhookConfiguration>(
                Registration,
                "mutatingwebhookconfigurations",
                "",
                namespaced: false,
                generation: true,
                strategy: Strategies.WebhookConfiguration
            ),
            Row<V1ValidatingWebhookConfiguration>(
                Registration,
                "validatingwebhookconfigurations",
                "",
                namespaced: false,
                generation: true,
                strategy: Strategies.WebhookConfiguration
            ),
            Row<V1CustomResourceDefinition>(
                "apiextensions.k8s.io",
                "customresourcedefinitions",
                "crd,crds",
                namespaced: false,
                status: true,
                generation: true,
                strategy: Strategies.CustomResourceDefinition
            ),
            Row<V1TokenReview>("authentication.k8s.io", "tokenreviews", "", namespaced: false, createOnly: true),
            Row<V1SelfSubjectReview>("authentication.k8s.io", "selfsubjectreviews", "", namespaced: false, createOnly: true),
            Row<V1SelfSubjectAccessReview>("authorization.k8s.io", "selfsubjectaccessreviews", "", namespaced: false, createOnly: true),
            Row<V1SubjectAccessReview>("authorization.k8s.io", "subjectaccessreviews", "", namespaced: false, createOnly: true),
            Row<V1LocalSubjectAccessReview>("authorization.k8s.io", "localsubjectaccessreviews", "", createOnly: true),
            Row<V1SelfSubjectRulesReview>("authorization.k8s.io", "selfsubjectrulesreviews", "", namespaced: false, createOnly: true),
        ];

    private static ResourceKind Row<TModel>(
        string group,
        string plural,
        string shortNames,
        bool namespaced = true,
        bool status = false,
        bool all = false,
        bool generation = false,
        bool createOnly = false,
        string? kind = null,
        string? singular = null,
        string collection = "",
        ScalePaths? scale = null,
        KindStrategy? strategy = null,
        bool converted = false,
        string[]? fields = null
    )
    {
        kind ??= ModelSchemas.ApiName(typeof(TModel));
        return new ResourceKind
        {
            Group = group,
            Version = "v1",
            Kind = kind,
            ListKind = kind + "List",
            Plural = plural,
            Singular = singular ?? kind.ToLowerInvariant(),
            Namespaced = namespaced,
            Schema = ModelSchemas.ForModel(typeof(TModel)),
            ShortNames = shortNames.Split(',', StringSplitOptions.RemoveEmptyEntries),
            Categories =
                all ? ["all"]
                : group == "apiextensions.k8s.io" || group == Registration ? ["api-extensions"]
                : [],
            HasStatus = status,
            HasGeneration = generation,
            Scale = scale,
            Strategy = strategy ?? KindStrategy.Plain,
            SelectableFields = fields ?? [],
            IndexedFields = collection == "events" ? EventFields : fields ?? [],
            Columns = BuiltinColumns.For(group, plural),
            CreateOnly = createOnly,
            Collection = collection,
            FromStored = converted ? EventConversion.FromStored : null,
            ToStored = converted ? EventConversion.ToStored : null,
        };
    }
}
