using System.Text.Json.Nodes;
using CsCheck;
using k8s.Models;

namespace MeshOperator.Kubernetes.Tests;

/// <summary>Pods as a client may send them: with fields that this program's types do not know, nulls, and missing maps.</summary>
internal static class PodGenerator
{
    private static readonly Gen<string> Map = OneOf("""{"a":"1","meshoperator.io/inject":"true"}""", """{"x/y~z":"2"}""", "{}", "null");
    private static readonly Gen<string> Env = OneOf("""[{"name":"A","value":"1","future":1},{"name":"B"}]""", "[]", "null");
    private static readonly Gen<string> Unknown = OneOf("1", """{"deep":[1,null]}""", """[{"name":"n"}]""");
    private static readonly Gen<string> Resources = OneOf("""{"limits":{"cpu":"1000m"},"future":true}""", "{}", "null");

    private static readonly Gen<string> Container = Gen.Select(
        Member("image", OneOf("\"app:1\"", "\"app:2\"", "null")),
        Member("env", Env),
        Member("resources", Resources),
        Member("future", Unknown),
        Member("ports", OneOf("""[{"containerPort":80,"future":1},{"containerPort":81}]""", "null", "[]")),
        (a, b, c, d, e) => string.Join(',', new[] { a, b, c, d, e }.Where(m => m.Length > 0))
    );

    private static readonly Gen<string> Spec = Gen.Select(
        Container
            .List[1, 3]
            .Select(all =>
                "\"containers\":["
                + string.Join(',', all.Select((c, i) => $"{{\"name\":\"c{i}\"{(c.Length > 0 ? "," : string.Empty)}{c}}}"))
                + "]"
            ),
        Member(
            "volumes",
            OneOf("""[{"name":"v","emptyDir":{},"future":1}]""", """[{"name":"v","projected":{"sources":[{"future":{}}]}}]""", "[]", "null")
        ),
        Member("nodeSelector", Map),
        Member("future", Unknown),
        Member("securityContext", OneOf("""{"runAsUser":1,"future":"x"}""", "{}", "null")),
        (a, b, c, d, e) => "{" + string.Join(',', new[] { a, b, c, d, e }.Where(m => m.Length > 0)) + "}"
    );

    /// <summary>JSON texts of pods.</summary>
    public static Gen<string> Pods { get; } =
        Gen.Select(
            Member("labels", Map),
            Member("annotations", Map),
            Member("future", Unknown),
            Spec,
            Member("status", OneOf("{}", "null", """{"phase":"Pending","future":1}""")),
            (labels, annotations, future, spec, status) =>
            {
                var metadata = string.Join(',', new[] { "\"name\":\"p\"", labels, annotations, future }.Where(m => m.Length > 0));
                var last = status.Length > 0 ? "," + status : string.Empty;
                return $"{{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{{{metadata}}},\"spec\":{spec}{last}}}";
            }
        );

    /// <summary>The unknown fields of a pod, of metadata, spec and containers: where they are, and what.</summary>
    public static IEnumerable<string> UnknownFields(JsonObject pod)
    {
        if (pod["metadata"]?["future"] is { } inMetadata)
            yield return $"metadata {inMetadata.ToJsonString()}";
        if (pod["spec"]?["future"] is { } inSpec)
            yield return $"spec {inSpec.ToJsonString()}";
        foreach (var container in (pod["spec"]?["containers"] as JsonArray) ?? [])
        {
            if (container?["future"] is { } inContainer)
                yield return $"{container["name"]} {inContainer.ToJsonString()}";
        }
    }

    /// <summary>Whether the part that an unknown field is in has not been removed.</summary>
    public static bool StillThere(string field, JsonObject pod) =>
        field.Split(' ')[0] is var where
        && (where is "metadata" or "spec" || ((JsonArray)pod["spec"]!["containers"]!).Any(c => (string?)c!["name"] == where));

    private static Gen<string> Member(string name, Gen<string> value) =>
        Gen.Select(Gen.Bool, value, (present, text) => present ? $"\"{name}\":{text}" : string.Empty);

    private static Gen<string> OneOf(params string[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);
}

/// <summary>What a webhook may do to a pod.</summary>
internal static class PodChanges
{
    public static IReadOnlyList<Action<V1Pod>> All { get; } =
    [
        pod => (pod.Metadata.Labels ??= new Dictionary<string, string>())["new/label"] = "v",
        pod => (pod.Metadata.Annotations ??= new Dictionary<string, string>())["a"] = "changed",
        pod => pod.Metadata.Annotations = null,
        pod => pod.Metadata.Labels?.Remove("a"),
        pod => pod.Spec.Containers.Insert(0, new V1Container { Name = "first", Image = "proxy" }),
        pod => pod.Spec.Containers.Add(new V1Container { Name = "last", Env = [new V1EnvVar { Name = "X" }] }),
        pod => pod.Spec.Containers = [.. pod.Spec.Containers.Take(pod.Spec.Containers.Count - 1)],
        pod => pod.Spec.Containers = [.. pod.Spec.Containers.Reverse()],
        pod => pod.Spec.Containers.LastOrDefault()?.Image = "changed",
        pod => Edit(pod, c => (c.Env ??= []).Insert(0, new V1EnvVar { Name = "FIRST", Value = "1" })),
        pod => Edit(pod, c => c.Env = null),
        pod => Edit(pod, c => c.Ports?.FirstOrDefault()?.Name = "http"),
        pod =>
            Edit(
                pod,
                c =>
                    c.Resources = new V1ResourceRequirements
                    {
                        Limits = new Dictionary<string, ResourceQuantity> { ["memory"] = new("1Gi") },
                    }
            ),
        pod => (pod.Spec.Volumes ??= []).Add(new V1Volume { Name = "tokens", EmptyDir = new V1EmptyDirVolumeSource() }),
        pod => pod.Spec.Volumes?.Clear(),
        pod => (pod.Spec.NodeSelector ??= new Dictionary<string, string>())["a"] = "b",
        pod => pod.Spec.SecurityContext = null,
        pod => (pod.Spec.SecurityContext ??= new V1PodSecurityContext()).RunAsUser = 1337,
        pod => pod.Spec.InitContainers = [new V1Container { Name = "init" }],
    ];

    private static void Edit(V1Pod pod, Action<V1Container> edit)
    {
        if (pod.Spec.Containers.Count > 0)
            edit(pod.Spec.Containers[0]);
    }
}
