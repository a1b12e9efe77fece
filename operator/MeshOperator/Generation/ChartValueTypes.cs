using System.Text.Json.Nodes;
using MeshOperator.Injection;
using MeshOperator.Kubernetes.Entities;
using MeshOperator.Settings;
using MeshOperator.Xds.Translation.Shared;
using MeshOperator.Xds.Translation.Telemetry;
using Serilog.Events;

namespace MeshOperator.Generation;

/// <summary>What each value of the chart may be, as JSON Schema in the forms whose errors read well in Helm. Groups of values are not here:
/// their structure is that of <c>values.yaml</c>.</summary>
internal static class ChartValueTypes
{
    private static readonly string[] FailurePolicies = ["Fail", "Ignore"];

    /// <summary>By the path of the value.</summary>
    public static IReadOnlyDictionary<string, JsonObject> All { get; } =
        new Dictionary<string, JsonObject>(StringComparer.Ordinal)
        {
            ["global.imageRegistry"] = Text(),
            ["global.imagePullSecrets"] = SecretNames(),
            ["imageRegistry"] = Text(),
            ["image.repository"] = Text(),
            ["image.tag"] = Text(),
            ["image.digest"] = Text("^(sha256:[0-9a-f]{64})?$"),
            ["image.pullPolicy"] = OneOf("Always", "IfNotPresent", "Never"),
            ["imagePullSecrets"] = SecretNames(),
            ["replicas"] = Number(0),
            ["autoscaling.enabled"] = Flag(),
            ["autoscaling.minReplicas"] = Number(1),
            ["autoscaling.maxReplicas"] = Number(1),
            ["autoscaling.targetCPUUtilizationPercentage"] = Number(1),
            ["podDisruptionBudget.enabled"] = Flag(),
            ["podDisruptionBudget.maxUnavailable"] = NumberOr("^[0-9]+%$", 0),
            ["updateStrategy.type"] = OneOf("RollingUpdate", "Recreate"),
            ["updateStrategy.rollingUpdate.maxUnavailable"] = NumberOr("^[0-9]+%$", 0),
            ["updateStrategy.rollingUpdate.maxSurge"] = NumberOr("^[0-9]+%$", 0),
            ["revisionHistoryLimit"] = Number(0),
            ["shutdownDelaySeconds"] = Number(0),
            ["terminationGracePeriodSeconds"] = Number(0),
            ["maxWaitingStreams"] = Number(1, 1_000_000),
            ["priorityClassName"] = Text(),
            ["priorityQuota.enabled"] = Flag(),
            ["priorityQuota.pods"] = NumberOr("^[0-9]*$", 1),
            ["crds.enabled"] = Flag(),
            ["crds.keep"] = Flag(),
            ["trustDomain"] = Text("^[a-z0-9._-]+$"),
            ["clusterDomain"] = Text("^[a-z0-9.-]*$"),
            ["logLevel"] = OneOf(Enum.GetNames<LogEventLevel>()),
            ["proxy.image"] = Text(),
            ["proxy.imagePullSecrets"] = List(Text()),
            ["proxy.concurrency"] = NumberOr("^[0-9]*$", 1, 128),
            ["proxy.statistics"] = List(Text()),
            ["proxy.maxHeaders"] = Number(100, 10_000),
            ["proxy.maxHeaderKib"] = Number(60, 8192),
            ["proxy.application.idleTimeout"] = Text(DurationAttribute.Pattern),
            ["proxy.application.connectTimeout"] = Text(DurationAttribute.Pattern),
            ["proxy.application.maxConnections"] = NumberOr("^[0-9]*$", 1, 1_000_000),
            ["proxy.application.requestsPerConnection"] = NumberOr("^[0-9]*$", 1, 1_000_000),
            ["proxy.logLevel"] = OneOf([.. SidecarChoices.LogLevels]),
            ["proxy.resources.requests.cpu"] = Quantity(),
            ["proxy.resources.requests.memory"] = Quantity(),
            ["interception.resources.requests"] = Closed(("cpu", Quantity()), ("memory", Quantity())),
            ["interception.resources.limits"] = Closed(("cpu", Quantity()), ("memory", Quantity())),
            ["proxy.resources.limits"] = Closed(("cpu", Quantity()), ("memory", Quantity())),
            ["proxy.native"] = OneOf([.. SidecarChoices.NativeSidecarModes]),
            ["interception.mode"] = OneOf([.. SidecarChoices.InterceptionModes, SidecarChoices.OlderWordForExternal]),
            ["interception.inbound"] = OneOf([.. SidecarChoices.InboundModes]),
            ["interception.image"] = Text(),
            ["interception.excludeInboundPorts"] = List(Port()),
            ["interception.excludeOutboundPorts"] = List(Port()),
            ["interception.excludeOutboundCidrs"] = List(Text()),
            ["defaultUpstreams"] = OneOf(Enum.GetNames<DefaultUpstreams>()),
            ["proxy.headerCase"] = OneOf(Enum.GetNames<HeaderCase>()),
            // What None was called is still taken in quotes; without them, YAML reads it as false.
            ["telemetry.accessLog"] = OneOf([.. Enum.GetNames<AccessLogMode>(), "Off"]),
            ["telemetry.tracing.endpoint"] = Text("^(.+:[0-9]+)?$"),
            ["telemetry.tracing.samplingPercent"] = new JsonObject
            {
                ["type"] = "number",
                ["minimum"] = 0,
                ["maximum"] = 100,
            },
            ["shifts.checkHosts"] = List(Text("^[^,/@ ]+$")),
            ["shifts.eventsUrl"] = Text("^(https?://.+)?$"),
            ["shifts.maxPerNamespace"] = Number(1, 10_000),
            ["webhooks.failurePolicy"] = OneOf(FailurePolicies),
            ["webhooks.timeoutSeconds"] = Number(1, 30),
            ["webhooks.reinvocationPolicy"] = OneOf("Never", "IfNeeded"),
            ["webhooks.namespaceSelector"] = Selector(),
            ["webhooks.objectSelector"] = Selector(),
            ["webhooks.validation.failurePolicy"] = OneOf(FailurePolicies),
            ["rbac.aggregate.enabled"] = Flag(),
            ["rbac.aggregate.mtlsPolicyInEdit"] = Flag(),
            ["serviceAccount.create"] = Flag(),
            ["serviceAccount.name"] = Text(),
            ["serviceAccount.annotations"] = TextMap(),
            ["serviceAccount.automount"] = Flag(),
            ["service.annotations"] = TextMap(),
            ["service.ipFamilyPolicy"] = OneOf(string.Empty, "SingleStack", "PreferDualStack", "RequireDualStack"),
            ["service.ipFamilies"] = List(OneOf("IPv4", "IPv6")),
            ["networkPolicy.enabled"] = Flag(),
            ["networkPolicy.metricsFrom"] = List(Free()),
            ["monitoring.scrapeAnnotations"] = Flag(),
            ["monitoring.serviceMonitor.enabled"] = Flag(),
            ["monitoring.serviceMonitor.labels"] = TextMap(),
            ["monitoring.serviceMonitor.interval"] = Text(DurationAttribute.Pattern),
            ["monitoring.podMonitor.enabled"] = Flag(),
            ["monitoring.podMonitor.labels"] = TextMap(),
            ["monitoring.podMonitor.interval"] = Text(DurationAttribute.Pattern),
            ["monitoring.rules.enabled"] = Flag(),
            ["monitoring.rules.labels"] = TextMap(),
            ["monitoring.dashboards.enabled"] = Flag(),
            ["monitoring.dashboards.labels"] = TextMap(),
            ["tests.namespace"] = Text(),
            ["resources"] = Closed(("requests", Map(Quantity())), ("limits", Map(Quantity())), ("claims", List(Free()))),
            ["commonLabels"] = TextMap(),
            ["commonAnnotations"] = TextMap(),
            ["podLabels"] = TextMap(),
            ["podAnnotations"] = TextMap(),
            ["podSecurityContext"] = Free(),
            ["containerSecurityContext"] = Free(),
            ["extraArgs"] = List(Text()),
            ["extraEnv"] = List(Free()),
            ["extraVolumes"] = List(Free()),
            ["extraVolumeMounts"] = List(Free()),
            ["nodeSelector"] = TextMap(),
            ["tolerations"] = List(Free()),
            ["affinity"] = Free(),
            ["antiAffinity.type"] = OneOf("Preferred", "Required", "None"),
            ["antiAffinity.topologyKey"] = Text(),
            ["topologySpreadConstraints"] = List(Free()),
        };

    private static JsonObject Flag() => new() { ["type"] = "boolean" };

    private static JsonObject Text(string? pattern = null)
    {
        var type = new JsonObject { ["type"] = "string" };
        if (pattern is not null)
            type["pattern"] = pattern;
        return type;
    }

    /// <summary>Without a type, so that the one error of a wrong value lists the right ones.</summary>
    private static JsonObject OneOf(params string[] words) =>
        new() { ["enum"] = new JsonArray([.. words.Select(w => JsonValue.Create(w))]) };

    private static JsonObject Number(int least, int? most = null)
    {
        var type = new JsonObject { ["type"] = "integer", ["minimum"] = least };
        if (most is not null)
            type["maximum"] = most;
        return type;
    }

    /// <summary>A number, or text such as a percentage or nothing.</summary>
    private static JsonObject NumberOr(string pattern, int least, int? most = null)
    {
        var type = Number(least, most);
        type["type"] = new JsonArray("integer", "string");
        type["pattern"] = pattern;
        return type;
    }

    private static JsonObject Port() => NumberOr("^[0-9]+$", 1, 65535);

    private static JsonObject Quantity() =>
        new() { ["type"] = new JsonArray("string", "number"), ["pattern"] = "^([0-9.]+(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?)?$" };

    private static JsonObject List(JsonObject items) => new() { ["type"] = "array", ["items"] = items };

    /// <summary>Names, or objects with a name as in a pod.</summary>
    private static JsonObject SecretNames()
    {
        var secret = Closed(("name", Text()));
        secret["type"] = new JsonArray("string", "object");
        return List(secret);
    }

    private static JsonObject Free() => new() { ["type"] = "object" };

    private static JsonObject Map(JsonObject values) => new() { ["type"] = "object", ["additionalProperties"] = values };

    private static JsonObject TextMap() => Map(Text());

    private static JsonObject Selector() => Closed(("matchLabels", TextMap()), ("matchExpressions", List(Free())));

    private static JsonObject Closed(params (string Name, JsonObject Type)[] properties)
    {
        var schema = new JsonObject();
        foreach (var (name, type) in properties)
            schema[name] = type;
        return new JsonObject
        {
            ["type"] = "object",
            ["properties"] = schema,
            ["additionalProperties"] = false,
        };
    }
}
