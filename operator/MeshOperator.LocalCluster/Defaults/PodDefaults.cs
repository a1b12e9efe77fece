using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Json;

namespace MeshOperator.LocalCluster.Defaults;

/// <summary>The defaults of pods and pod templates.</summary>
internal static class PodDefaults
{
    private static readonly string[] ComputeResources = ["cpu", "memory"];

    public static void Spec(JsonObject spec, bool isPod)
    {
        spec.Default("restartPolicy", "Always");
        spec.Default("dnsPolicy", "ClusterFirst");
        spec.Default("schedulerName", "default-scheduler");
        spec.Default("terminationGracePeriodSeconds", 30L);
        spec.Default("securityContext", new JsonObject());
        if (spec.Text("serviceAccount") is { Length: > 0 } old)
            spec.Default("serviceAccountName", old);
        if (isPod)
        {
            if (spec.Text("serviceAccountName") is not { Length: > 0 })
                spec["serviceAccountName"] = "default";
            spec.Default("enableServiceLinks", true);
            spec.Default("preemptionPolicy", "PreemptLowerPriority");
            spec.Default("priority", 0L);
        }

        if (spec.Text("serviceAccountName") is { Length: > 0 } account)
            spec["serviceAccount"] = account;
        foreach (var container in spec.Objects("containers").Concat(spec.Objects("initContainers")))
            Container(container);
        foreach (var volume in spec.Objects("volumes"))
            Volume(volume);
    }

    public static string QosClass(JsonObject pod)
    {
        var containers = pod["spec"].Objects("containers").Concat(pod["spec"].Objects("initContainers")).ToArray();
        var any = containers.Any(c =>
            c["resources"].Object("requests") is { Count: > 0 } || c["resources"].Object("limits") is { Count: > 0 }
        );
        if (!any)
            return "BestEffort";
        var guaranteed = containers.All(c =>
            ComputeResources.All(r =>
                c["resources"].Object("limits")?[r] is { } limit
                && (c["resources"].Object("requests")?[r] is not { } request || JsonAccess.Same(limit, request))
            )
        );
        return guaranteed ? "Guaranteed" : "Burstable";
    }

    private static void Container(JsonObject container)
    {
        container.Default("resources", new JsonObject());
        container.Default("terminationMessagePath", "/dev/termination-log");
        container.Default("terminationMessagePolicy", "File");
        var image = container.Text("image") ?? "";
        var tag = image[(image.LastIndexOf('/') + 1)..];
        var floating =
            !tag.Contains('@', StringComparison.Ordinal)
            && (!tag.Contains(':', StringComparison.Ordinal) || tag.EndsWith(":latest", StringComparison.Ordinal));
        container.Default("imagePullPolicy", floating ? "Always" : "IfNotPresent");
        foreach (var port in container.Objects("ports"))
            port.Default("protocol", "TCP");
        foreach (var variable in container.Objects("env"))
            variable["valueFrom"].Object("fieldRef")?.Default("apiVersion", "v1");
        foreach (var name in new[] { "livenessProbe", "readinessProbe", "startupProbe" })
        {
            if (container.Object(name) is not { } probe)
                continue;
            probe.Default("timeoutSeconds", 1L);
            probe.Default("periodSeconds", 10L);
            probe.Default("successThreshold", 1L);
            probe.Default("failureThreshold", 3L);
            if (probe.Object("httpGet") is not { } get)
                continue;
            get.Default("scheme", "HTTP");
            get.Default("path", "/");
        }

        if (container["resources"].Object("limits") is { } limits)
        {
            var requests = container.Object("resources")!.Ensure("requests");
            foreach (var (resource, limit) in limits)
                requests.Default(resource, limit?.DeepClone());
        }
    }

    private static void Volume(JsonObject volume)
    {
        foreach (var source in new[] { "configMap", "secret", "downwardAPI", "projected" })
            volume.Object(source)?.Default("defaultMode", 420L);
        foreach (var source in volume["projected"].Objects("sources"))
            source.Object("serviceAccountToken")?.Default("expirationSeconds", 3600L);
        foreach (
            var item in volume["downwardAPI"]
                .Objects("items")
                .Concat(volume["projected"].Objects("sources").SelectMany(s => s["downwardAPI"].Objects("items")))
        )
            item.Object("fieldRef")?.Default("apiVersion", "v1");
        if (volume.Count == 1)
            volume["emptyDir"] = new JsonObject();
    }
}
