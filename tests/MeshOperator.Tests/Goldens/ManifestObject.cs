using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using MeshOperator.Api.Policies;
using MeshOperator.Kubernetes.Entities;
using MeshOperator.Kubernetes.Manifests;

namespace MeshOperator.Tests.Goldens;

/// <summary>Reads objects of the kinds that golden cases use. A field that the kind does not have is an error: else a typing mistake would
/// make a case show something other than it says.</summary>
internal static class ManifestObject
{
    private static readonly Dictionary<string, Func<string, IKubernetesObject<V1ObjectMeta>>> Kinds = new()
    {
        ["Namespace"] = Read<V1Namespace>,
        ["Node"] = Read<V1Node>,
        ["Service"] = Read<V1Service>,
        ["EndpointSlice"] = Read<V1EndpointSlice>,
        ["Deployment"] = Read<V1Deployment>,
        ["StatefulSet"] = Read<V1StatefulSet>,
        ["Pod"] = Read<V1Pod>,
    };

    public static IKubernetesObject<V1ObjectMeta> Read(JsonObject json)
    {
        var kind = (string)json["kind"]!;
        var result = Read(kind, json.ToJsonString());
        if (FirstUnknown(json, JsonNode.Parse(KubernetesJson.Serialize((object)result)), kind) is { } field)
            throw new ManifestException($"{field} is not known");
        return result;
    }

    private static IKubernetesObject<V1ObjectMeta> Read(string kind, string json)
    {
        if (Kinds.TryGetValue(kind, out var read))
            return read(json);
        if (PolicyKinds.All.FirstOrDefault(policy => policy.Name == kind) is { } policy)
            return policy.Accept(new ReadPolicy(json));
        throw new ManifestException(
            $"golden cases have no use for a {kind}; they know "
                + $"{string.Join(", ", Kinds.Keys.Concat(PolicyKinds.All.Select(known => known.Name)))}"
        );
    }

    private static T Read<T>(string json)
        where T : IKubernetesObject<V1ObjectMeta> => KubernetesJson.Deserialize<T>(json);

    /// <summary>The path of the first field of <paramref name="given"/> that did not survive the reading; null when all did.</summary>
    private static string? FirstUnknown(JsonNode? given, JsonNode? read, string path) =>
        (given, read) switch
        {
            (null, _) => null,
            (JsonObject a, JsonObject b) => a.Select(field => FirstUnknown(field.Value, b[field.Key], $"{path}.{field.Key}"))
                .FirstOrDefault(found => found is not null),
            (JsonArray a, JsonArray b) => a.Select((item, i) => FirstUnknown(item, b[i], $"{path}[{i}]"))
                .FirstOrDefault(found => found is not null),
            (_, null) => path,
            _ => null,
        };

    private sealed class ReadPolicy(string json) : IPolicyKindVisitor<IKubernetesObject<V1ObjectMeta>>
    {
        public IKubernetesObject<V1ObjectMeta> Visit<TPolicy, TSpec>(PolicyKind<TPolicy, TSpec> kind)
            where TPolicy : CustomKubernetesEntity, IMeshPolicy<TSpec>, new()
            where TSpec : class, new() => Read<TPolicy>(json);
    }
}
