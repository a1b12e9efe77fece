using System.Text.Json.Serialization;
using k8s;
using k8s.Models;

namespace MeshOperator.Kubernetes.Entities;

/// <summary>The base of a custom resource without spec and status.</summary>
public abstract class CustomKubernetesEntity : IKubernetesObject<V1ObjectMeta>
{
    /// <summary>The group and version, for example <c>meshoperator.io/v1alpha1</c>.</summary>
    [JsonPropertyName("apiVersion")]
    public string ApiVersion { get; set; } = string.Empty;

    /// <summary>The kind, for example <c>TrafficSplit</c>.</summary>
    [JsonPropertyName("kind")]
    public string Kind { get; set; } = string.Empty;

    /// <summary>Name, namespace, labels and what the API server keeps.</summary>
    [JsonPropertyName("metadata")]
    public V1ObjectMeta Metadata { get; set; } = new();
}

/// <summary>The base of a custom resource with a spec and a status subresource.</summary>
/// <typeparam name="TSpec">What users wish.</typeparam>
/// <typeparam name="TStatus">What the operator found.</typeparam>
public abstract class CustomKubernetesEntity<TSpec, TStatus> : CustomKubernetesEntity, ISpec<TSpec>
    where TSpec : class, new()
    where TStatus : class
{
    /// <summary>What users wish.</summary>
    [JsonPropertyName("spec")]
    public TSpec Spec { get; set; } = new();

    /// <summary>What the operator found; written by the operator only.</summary>
    [JsonPropertyName("status")]
    public TStatus? Status { get; set; }
}
