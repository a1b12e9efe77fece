using System.Text.Json;
using System.Text.Json.Serialization.Metadata;
using k8s.Models;
using MeshOperator.Api.Kinds;
using MeshOperator.Api.Policies;
using MeshOperator.Kubernetes.Client;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests;

public sealed class EntityJsonTests
{
    /// <summary>What the operator reads or writes.</summary>
    public static TheoryData<Type> Types =>
        [
            .. MeshEntities.All,
            typeof(Corev1Event),
            typeof(V1ConfigMap),
            typeof(V1CustomResourceDefinition),
            typeof(V1Deployment),
            typeof(V1EndpointSlice),
            typeof(V1Lease),
            typeof(V1LifecycleHandler),
            typeof(V1MutatingWebhookConfiguration),
            typeof(V1Namespace),
            typeof(V1Node),
            typeof(V1Pod),
            typeof(V1Probe),
            typeof(V1Secret),
            typeof(V1SelfSubjectAccessReview),
            typeof(V1Service),
            typeof(V1Status),
            typeof(V1TokenReview),
            typeof(V1ValidatingWebhookConfiguration),
        ];

    [Theory]
    [MemberData(nameof(Types))]
    public void Objects_are_written_and_read_by_generated_code(Type type)
    {
        var (options, seen) = (new JsonSerializerOptions(EntityJson.Options), new Dictionary<Type, JsonTypeInfo>());
        See(type);
        seen.Where(known => known.Value.OriginatingResolver is DefaultJsonTypeInfoResolver)
            .Select(known => known.Key.ToString())
            .ShouldBeEmpty();

        void See(Type next)
        {
            if (seen.ContainsKey(next))
                return;
            var info = seen[next] = options.GetTypeInfo(next);
            foreach (var part in info.Properties.Select(property => property.PropertyType).Append(info.ElementType).Append(info.KeyType))
            {
                if (part is not null)
                    See(part);
            }
        }
    }

    [Fact]
    public void An_object_is_as_it_was_when_it_is_read_again()
    {
        const string Text = """
            {
              "apiVersion": "meshoperator.io/v1alpha1",
              "kind": "TrafficSplit",
              "metadata": { "name": "shop", "namespace": "web", "labels": { "a": "b" } },
              "spec": {
                "service": "shop",
                "onMissingBackend": "Redistribute",
                "backends": [{ "service": "shop-v1", "weight": 90 }, { "service": "shop-v2", "weight": 10 }]
              }
            }
            """;

        var split = EntityJson.Deserialize<TrafficSplit>(Text);

        split.Spec.Backends!.Select(backend => (backend.Service, backend.Weight)).ShouldBe([("shop-v1", 90), ("shop-v2", 10)]);
        EntityJson.Serialize(EntityJson.Deserialize<TrafficSplit>(EntityJson.Serialize(split))).ShouldBe(EntityJson.Serialize(split));
        EntityJson.Serialize(split).ShouldContain("\"onMissingBackend\":\"Redistribute\"");
    }
}
