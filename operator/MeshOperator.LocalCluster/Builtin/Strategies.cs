using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.CustomResources;
using MeshOperator.LocalCluster.Defaults;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Validation;

namespace MeshOperator.LocalCluster.Builtin;

/// <summary>The strategies of the built-in kinds.</summary>
internal static class Strategies
{
    public static readonly KindStrategy Namespace = new()
    {
        Names = NameFormat.Label,
        Default = content =>
        {
            content.Meta().Ensure("labels")["kubernetes.io/metadata.name"] = content.Name();
            content.Ensure("status").Default("phase", "Active");
        },
        PrepareForCreate = content => content["spec"] = new JsonObject { ["finalizers"] = new JsonArray("kubernetes") },
        PrepareForUpdate = (content, old) => content["spec"] = old["spec"]?.DeepClone(),
    };

    public static readonly KindStrategy Pod = new()
    {
        Default = content => PodDefaults.Spec(content.Ensure("spec"), isPod: true),
        PrepareForCreate = content =>
        {
            content["status"] = new JsonObject { ["phase"] = "Pending", ["qosClass"] = PodDefaults.QosClass(content) };
        },
        Validate = (content, old, errors) =>
        {
            PodValidation.Spec(content["spec"], "spec", errors);
            if (old is not null)
                PodUpdates.Validate(content, old, errors);
        },
    };

    public static readonly KindStrategy Service = new()
    {
        Names = NameFormat.ServiceLabel,
        Default = ServiceDefaults.Apply,
        PrepareForCreate = content => content["status"] = new JsonObject { ["loadBalancer"] = new JsonObject() },
        PrepareForUpdate = ServiceDefaults.CarryOver,
        Validate = ServiceValidation.Validate,
    };

    public static readonly KindStrategy Endpoints = new() { DropStatusOnCreate = false };

    public static readonly KindStrategy EndpointSlice = new()
    {
        Validate = (content, old, errors) =>
        {
            var type = content.Text("addressType");
            if (type is not ("IPv4" or "IPv6" or "FQDN"))
                errors.NotSupported("addressType", type ?? "", ["\"FQDN\"", "\"IPv4\"", "\"IPv6\""]);
            if (old is not null && old.Text("addressType") != type)
                errors.Invalid("addressType", type, "field is immutable");
            var index = 0;
            foreach (var endpoint in content.Objects("endpoints"))
            {
                if (endpoint.Array("addresses") is not { Count: > 0 })
                    errors.Required($"endpoints[{index}].addresses", "must contain at least 1 address");
                index++;
            }
        },
        Default = content =>
        {
            foreach (var port in content.Objects("ports"))
            {
                port.Default("name", "");
                port.Default("protocol", "TCP");
            }
        },
    };

    public static readonly KindStrategy Secret = new()
    {
        Default = content =>
        {
            content.Default("type", "Opaque");
            if (content.Object("stringData") is not { } plain)
                return;
            var data = content.Ensure("data");
            foreach (var (key, value) in plain)
                data[key] = Convert.ToBase64String(System.Text.Encoding.UTF8.GetBytes(value.AsText() ?? ""));
            content.Remove("stringData");
        },
        Validate = (content, old, errors) =>
        {
            DataKeys(content.Object("data"), "data", errors);
            if (old is not null && old.Text("type") != content.Text("type"))
                errors.Invalid("type", content["type"]?.DeepClone(), "field is immutable");
            if (old?.Flag("immutable") == true && !JsonAccess.Same(old["data"], content["data"]))
                errors.Forbidden("data", "field is immutable when `immutable` is set");
            if (content.Text("type") == "kubernetes.io/tls")
                foreach (var key in new[] { "tls.crt", "tls.key" })
                    if (content.Object("data")?.ContainsKey(key) != true)
                        errors.Required($"data[{key}]");
        },
    };

    public static readonly KindStrategy ConfigMap = new()
    {
        Validate = (content, old, errors) =>
        {
            DataKeys(content.Object("data"), "data", errors);
            DataKeys(content.Object("binaryData"), "binaryData", errors);
            if (old?.Flag("immutable") == true && !JsonAccess.Same(old["data"], content["data"]))
                errors.Forbidden("data", "field is immutable when `immutable` is set");
        },
    };

    public static readonly KindStrategy Event = new() { DropStatusOnCreate = false };

    public static readonly KindStrategy PersistentVolumeClaim = new()
    {
        Default = content => content.Ensure("spec").Default("volumeMode", "Filesystem"),
        PrepareForCreate = content => content["status"] = new JsonObject { ["phase"] = "Pending" },
    };

    public static readonly KindStrategy Deployment = new()
    {
        Default = WorkloadDefaults.Deployment,
        Validate = WorkloadValidation.Validate,
    };

    public static readonly KindStrategy ReplicaSet = new()
    {
        Default = WorkloadDefaults.ReplicaSet,
        PrepareForCreate = content => content["status"] = new JsonObject { ["replicas"] = 0 },
        Validate = WorkloadValidation.Validate,
    };

    public static readonly KindStrategy StatefulSet = new()
    {
        Default = WorkloadDefaults.StatefulSet,
        PrepareForCreate = content => content["status"] = new JsonObject { ["availableReplicas"] = 0, ["replicas"] = 0 },
        Validate = WorkloadValidation.StatefulSet,
    };

    public static readonly KindStrategy DaemonSet = new()
    {
        Default = WorkloadDefaults.DaemonSet,
        PrepareForCreate = content =>
            content["status"] = new JsonObject
            {
                ["currentNumberScheduled"] = 0,
                ["desiredNumberScheduled"] = 0,
                ["numberMisscheduled"] = 0,
                ["numberReady"] = 0,
            },
        Validate = WorkloadValidation.Validate,
    };

    public static readonly KindStrategy Job = new() { Default = WorkloadDefaults.Job, Validate = WorkloadValidation.Job };

    public static readonly KindStrategy CronJob = new() { Default = WorkloadDefaults.CronJob };

    public static readonly KindStrategy Rbac = new() { Names = NameFormat.PathSegment, Default = RbacDefaults };

    public static readonly KindStrategy WebhookConfiguration = new()
    {
        Default = WebhookConfigurations.Default,
        Validate = WebhookConfigurations.Validate,
    };

    public static readonly KindStrategy CustomResourceDefinition = new()
    {
        Default = CustomResourceDefinitions.Default,
        PrepareForCreate = CustomResourceDefinitions.PrepareForCreate,
        Validate = CustomResourceDefinitions.Validate,
    };

    private static void RbacDefaults(JsonObject content)
    {
        content.Object("roleRef")?.Default("apiGroup", "rbac.authorization.k8s.io");
        foreach (var subject in content.Objects("subjects"))
            if (subject.Text("kind") != "ServiceAccount")
                subject.Default("apiGroup", "rbac.authorization.k8s.io");
    }

    private static void DataKeys(JsonObject? data, string field, FieldErrors errors)
    {
        foreach (var (key, _) in data ?? [])
        {
            if (
                key.Length is > 0 and <= 253
                && key is not ("." or "..")
                && key.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.')
            )
                continue;
            errors.Invalid(
                $"{field}[{key}]",
                key,
                "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or "
                    + "'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
            );
        }
    }
}
