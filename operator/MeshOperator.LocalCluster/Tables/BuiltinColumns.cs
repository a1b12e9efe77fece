using System.Globalization;
using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;

namespace MeshOperator.LocalCluster.Tables;

/// <summary>The columns that kubectl's users know, for each built-in kind.</summary>
internal static class BuiltinColumns
{
    public static readonly TableColumn Name = new("Name", "string", (content, _) => content.Name())
    {
        Format = "name",
        Description = "Name of the object, unique in its namespace.",
    };

    public static readonly TableColumn Age = new(
        "Age",
        "string",
        (content, now) => Tables.Age.Since(content.Object("metadata").Text("creationTimestamp"), now)
    )
    {
        Description = "Time since the object was created.",
    };

    private static readonly TableColumn CreatedAt = Text("Created At", o => o.Object("metadata").Text("creationTimestamp"));

    private static readonly TableColumn Selector = Text("Selector", o => LabelText(o.At("spec.selector")), wide: true);

    private static readonly TableColumn Containers = Text("Containers", o => Join(Template(o).Objects("containers"), "name"), wide: true);

    private static readonly TableColumn Images = Text("Images", o => Join(Template(o).Objects("containers"), "image"), wide: true);

    public static IReadOnlyList<TableColumn> For(string group, string plural) =>
        (group, plural) switch
        {
            ("", "pods") => PodColumns.All,
            ("", "namespaces") => [Name, Text("Status", o => o.At("status.phase").AsText()), Age],
            ("", "services") => ServiceColumns(),
            ("", "nodes") => NodeColumns(),
            ("", "serviceaccounts") => [Name, Count("Secrets", o => o.Array("secrets")?.Count), Age],
            ("", "secrets") => [Name, Text("Type", o => o.Text("type")), Count("Data", o => o.Object("data")?.Count), Age],
            ("", "configmaps") => [Name, Count("Data", o => (o.Object("data")?.Count ?? 0) + (o.Object("binaryData")?.Count ?? 0)), Age],
            ("", "endpoints") => [Name, Text("Endpoints", EndpointsText), Age],
            ("", "events") => EventColumns("involvedObject", "message", "lastTimestamp"),
            ("", "persistentvolumeclaims") =>
            [
                Name,
                Text("Status", o => o.At("status.phase").AsText()),
                Text("Volume", o => o.At("spec.volumeName").AsText()),
                Text("Capacity", o => o.At("status.capacity.storage").AsText()),
                Text("Access Modes", o => string.Join(",", o.Object("spec").Texts("accessModes"))),
                Text("StorageClass", o => o.At("spec.storageClassName").AsText()),
                Age,
            ],
            ("events.k8s.io", "events") => EventColumns("regarding", "note", "deprecatedLastTimestamp"),
            ("apps", "deployments") =>
            [
                Name,
                Text("Ready", o => $"{Status(o, "readyReplicas")}/{o.At("spec.replicas").AsInteger() ?? 0}"),
                Count("Up-to-date", o => Status(o, "updatedReplicas")),
                Count("Available", o => Status(o, "availableReplicas")),
                Age,
                Containers,
                Images,
                Selector,
            ],
            ("apps", "replicasets") =>
            [
                Name,
                Count("Desired", o => o.At("spec.replicas").AsInteger() ?? 0),
                Count("Current", o => Status(o, "replicas")),
                Count("Ready", o => Status(o, "readyReplicas")),
                Age,
                Containers,
                Images,
                Selector,
            ],
            ("apps", "statefulsets") =>
            [
                Name,
                Text("Ready", o => $"{Status(o, "readyReplicas")}/{o.At("spec.replicas").AsInteger() ?? 0}"),
                Age,
                Containers,
                Images,
            ],
            ("apps", "daemonsets") =>
            [
                Name,
                Count("Desired", o => Status(o, "desiredNumberScheduled")),
                Count("Current", o => Status(o, "currentNumberScheduled")),
                Count("Ready", o => Status(o, "numberReady")),
                Count("Up-to-date", o => Status(o, "updatedNumberScheduled")),
                Count("Available", o => Status(o, "numberAvailable")),
                Text("Node Selector", o => LabelText(o.At("spec.template.spec.nodeSelector")) is { Length: > 0 } s ? s : "<none>"),
                Age,
                Containers,
                Images,
                Selector,
            ],
            ("batch", "jobs") => JobColumns(),
            ("batch", "cronjobs") =>
            [
                Name,
                Text("Schedule", o => o.At("spec.schedule").AsText()),
                Text("Timezone", o => o.At("spec.timeZone").AsText() ?? "<none>"),
                Text("Suspend", o => (o.At("spec.suspend").AsFlag() ?? false) ? "True" : "False"),
                Count("Active", o => o["status"].Array("active")?.Count ?? 0),
                new(
                    "Last Schedule",
                    "string",
                    (o, now) => o.At("status.lastScheduleTime").AsText() is { } t ? Tables.Age.Since(t, now) : "<none>"
                ),
                Age,
            ],
            ("discovery.k8s.io", "endpointslices") =>
            [
                Name,
                Text("AddressType", o => o.Text("addressType")),
                Text("Ports", o => Limited(o.Objects("ports").Select(p => p["port"] is { } n ? JsonPath.Text(n) : "*"))),
                Text("Endpoints", o => Limited(o.Objects("endpoints").SelectMany(e => e.Texts("addresses")))),
                Age,
            ],
            ("coordination.k8s.io", "leases") => [Name, Text("Holder", o => o.At("spec.holderIdentity").AsText()), Age],
            ("policy", "poddisruptionbudgets") =>
            [
                Name,
                Text("Min Available", o => o.At("spec.minAvailable") is { } n ? JsonPath.Text(n) : "N/A"),
                Text("Max Unavailable", o => o.At("spec.maxUnavailable") is { } n ? JsonPath.Text(n) : "N/A"),
                Count("Allowed Disruptions", o => Status(o, "disruptionsAllowed")),
                Age,
            ],
            ("networking.k8s.io", "networkpolicies") =>
            [
                Name,
                Text("Pod-Selector", o => LabelText(o.At("spec.podSelector")) is { Length: > 0 } s ? s : "<none>"),
                Age,
            ],
            ("admissionregistration.k8s.io", _) => [Name, Count("Webhooks", o => o.Array("webhooks")?.Count ?? 0), Age],
            ("rbac.authorization.k8s.io", "rolebindings" or "clusterrolebindings") =>
            [
                Name,
                Text("Role", o => $"{o.At("roleRef.kind").AsText()}/{o.At("roleRef.name").AsText()}"),
                Age,
            ],
            _ => [Name, CreatedAt],
        };

    private static TableColumn[] ServiceColumns() =>
        [
            Name,
            Text("Type", o => o.At("spec.type").AsText()),
            Text("Cluster-IP", o => o.At("spec.clusterIP").AsText() is { Length: > 0 } ip ? ip : "<none>"),
            Text("External-IP", ExternalAddress),
            Text("Port(s)", ServicePorts),
            Age,
            Text("Selector", o => LabelText(o.At("spec.selector")) is { Length: > 0 } s ? s : "<none>", wide: true),
        ];

    private static TableColumn[] NodeColumns() =>
        [
            Name,
            Text(
                "Status",
                o =>
                    o["status"].Objects("conditions").Any(c => c.Text("type") == "Ready" && c.Text("status") == "True")
                        ? "Ready"
                        : "NotReady"
            ),
            Text(
                "Roles",
                o =>
                    string.Join(
                        ",",
                        o.Meta()
                            .Object("labels")
                            .StringMap()
                            .Keys.Where(k => k.StartsWith("node-role.kubernetes.io/", StringComparison.Ordinal))
                            .Select(k => k[24..])
                    )
                        is { Length: > 0 } roles
                        ? roles
                        : "<none>"
            ),
            Age,
            Text("Version", o => o.At("status.nodeInfo.kubeletVersion").AsText()),
            Text(
                "Internal-IP",
                o => o["status"].Objects("addresses").FirstOrDefault(a => a.Text("type") == "InternalIP").Text("address") ?? "<none>",
                wide: true
            ),
            Text("External-IP", _ => "<none>", wide: true),
            Text("OS-Image", o => o.At("status.nodeInfo.osImage").AsText(), wide: true),
            Text("Kernel-Version", o => o.At("status.nodeInfo.kernelVersion").AsText(), wide: true),
            Text("Container-Runtime", o => o.At("status.nodeInfo.containerRuntimeVersion").AsText(), wide: true),
        ];

    private static TableColumn[] EventColumns(string about, string message, string last) =>
        [
            new(
                "Last Seen",
                "string",
                (o, now) => Tables.Age.Since(o.Text(last) ?? o.Text("eventTime") ?? o.Object("metadata").Text("creationTimestamp"), now)
            ),
            Text("Type", o => o.Text("type")),
            Text("Reason", o => o.Text("reason")),
            Text("Object", o => $"{o.Object(about).Text("kind")?.ToLowerInvariant()}/{o.Object(about).Text("name")}"),
            Text("Subobject", o => o.Object(about).Text("fieldPath"), wide: true),
            Text(
                "Source",
                o => o.Object("source").Text("component") ?? o.Text("reportingComponent") ?? o.Text("reportingController"),
                wide: true
            ),
            Text("Message", o => o.Text(message)?.Trim()),
            new(
                "First Seen",
                "string",
                (o, now) => Tables.Age.Since(o.Text("firstTimestamp") ?? o.Object("metadata").Text("creationTimestamp"), now),
                1
            ),
            Count("Count", o => o.Integer("count") ?? 1, wide: true),
            new("Name", "string", (o, _) => o.Name(), 1) { Format = "name" },
        ];

    private static TableColumn[] JobColumns() =>
        [
            Name,
            Text("Status", o => o["status"].Objects("conditions").LastOrDefault(c => c.Text("status") == "True").Text("type") ?? "Running"),
            Text("Completions", o => $"{Status(o, "succeeded")}/{o.At("spec.completions").AsInteger() ?? 1}"),
            new(
                "Duration",
                "string",
                (o, now) =>
                    o.At("status.startTime").AsText() is { } start
                        ? Tables.Age.Since(start, Schemas.Rfc3339.Parse(o.At("status.completionTime").AsText()) ?? now)
                        : ""
            ),
            Age,
            Containers,
            Images,
            Selector,
        ];

    internal static TableColumn Text(string name, Func<JsonObject, string?> cell, bool wide = false) =>
        new(name, "string", (content, _) => cell(content) ?? "", wide ? 1 : 0);

    internal static TableColumn Count(string name, Func<JsonObject, long?> cell, bool wide = false) =>
        new(name, "integer", (content, _) => cell(content) ?? 0, wide ? 1 : 0);

    internal static string LabelText(JsonNode? selector)
    {
        var pairs = selector.Object("matchLabels") ?? (selector.Array("matchExpressions") is null ? selector as JsonObject : null);
        var texts = (pairs?.StringMap() ?? []).OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => $"{p.Key}={p.Value}");
        var expressions = selector
            .Objects("matchExpressions")
            .Select(e => $"{e.Text("key")} {e.Text("operator")?.ToLowerInvariant()} ({string.Join(",", e.Texts("values"))})");
        return string.Join(",", texts.Concat(expressions));
    }

    private static long Status(JsonObject content, string field) => content["status"].Integer(field) ?? 0;

    private static JsonNode? Template(JsonObject content) => content.At("spec.template.spec");

    private static string Join(IEnumerable<JsonObject> items, string field) => string.Join(",", items.Select(i => i.Text(field)));

    private static string Limited(IEnumerable<string> items)
    {
        var all = items.ToArray();
        if (all.Length == 0)
            return "<unset>";
        var shown = string.Join(",", all.Take(3));
        return all.Length <= 3 ? shown : string.Create(CultureInfo.InvariantCulture, $"{shown} + {all.Length - 3} more...");
    }

    private static string EndpointsText(JsonObject content)
    {
        var pairs = content
            .Objects("subsets")
            .SelectMany(s => s.Objects("addresses").SelectMany(a => s.Objects("ports").Select(p => $"{a.Text("ip")}:{p.Integer("port")}")))
            .ToArray();
        return pairs.Length == 0 ? "<none>" : Limited(pairs);
    }

    private static string ExternalAddress(JsonObject content) =>
        content.At("spec.type").AsText() switch
        {
            "ExternalName" => content.At("spec.externalName").AsText() ?? "",
            "LoadBalancer" => string.Join(
                ",",
                content.At("status.loadBalancer").Objects("ingress").Select(i => i.Text("ip") ?? i.Text("hostname"))
            )
                is { Length: > 0 } ips
                ? ips
                : "<pending>",
            _ => string.Join(",", content["spec"].Texts("externalIPs")) is { Length: > 0 } ips ? ips : "<none>",
        };

    private static string ServicePorts(JsonObject content)
    {
        var ports = content["spec"]
            .Objects("ports")
            .Select(p =>
                p.Integer("nodePort") is { } node and > 0
                    ? $"{p.Integer("port")}:{node}/{p.Text("protocol")}"
                    : $"{p.Integer("port")}/{p.Text("protocol")}"
            )
            .ToArray();
        return ports.Length == 0 ? "<none>" : string.Join(",", ports);
    }
}
