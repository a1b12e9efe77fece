using System.Reflection;
using k8s.Models;
using MeshOperator.Api.Authorities;
using MeshOperator.Api.Policies;

namespace MeshOperator.Api.Kinds;

/// <summary>The types of all objects that have a CRD.</summary>
public static class MeshEntities
{
    /// <summary>The types.</summary>
    public static readonly IReadOnlyList<Type> All = [.. PolicyKinds.All.Select(kind => kind.Entity), typeof(MeshCertificateAuthority)];

    /// <summary>Their names in the API's paths.</summary>
    public static IEnumerable<string> PluralNames =>
        All.Select(entity => entity.GetCustomAttribute<KubernetesEntityAttribute>()!.PluralName);
}
