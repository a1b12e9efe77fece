using System.Text.Json.Serialization;
using MeshOperator.Api.Authorities;
using MeshOperator.Api.Policies;
using MeshOperator.Kubernetes.Client;

[assembly: GeneratedJson<MeshOperator.Api.Kinds.MeshJson>]

namespace MeshOperator.Api.Kinds;

/// <summary>Code that writes and reads the objects of <see cref="MeshEntities"/>.</summary>
[JsonSerializable(typeof(TrafficSplit))]
[JsonSerializable(typeof(RetryPolicy))]
[JsonSerializable(typeof(MtlsPolicy))]
[JsonSerializable(typeof(CircuitBreaker))]
[JsonSerializable(typeof(LoadBalancingPolicy))]
[JsonSerializable(typeof(RateLimit))]
[JsonSerializable(typeof(MeshCertificateAuthority))]
public sealed partial class MeshJson : JsonSerializerContext;
