using MeshOperator.Api;
using MeshOperator.Api.Policies;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Rbac;

/// <summary>Verbs that a service of the operator needs on the policies of all kinds.</summary>
/// <param name="verbs">Verbs, separated by commas.</param>
[AttributeUsage(AttributeTargets.Class, AllowMultiple = true)]
internal sealed class PolicyRbacAttribute(string verbs) : Attribute
{
    /// <summary>The part of the objects, such as <c>status</c>; empty for the objects themselves.</summary>
    public string Subresource { get; init; } = string.Empty;

    /// <summary>The same for each kind.</summary>
    public IEnumerable<GenericRbacAttribute> ToRules() =>
        PolicyKinds.All.Select(kind => new GenericRbacAttribute(
            MeshNames.Group,
            Subresource.Length == 0 ? kind.Plural : $"{kind.Plural}/{Subresource}",
            verbs
        ));
}
