using System.Collections.Immutable;
using MeshOperator.Api.Policies;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Mesh.Snapshot;

/// <summary>The policies of all kinds.</summary>
public sealed class PolicySet
{
    private readonly ImmutableDictionary<PolicyKind, ImmutableDictionary<ObjectName, PolicyRecord>> _byKind;

    private PolicySet(ImmutableDictionary<PolicyKind, ImmutableDictionary<ObjectName, PolicyRecord>> byKind) => _byKind = byKind;

    /// <summary>No policies.</summary>
    public static PolicySet Empty { get; } = new(ImmutableDictionary<PolicyKind, ImmutableDictionary<ObjectName, PolicyRecord>>.Empty);

    /// <summary>The policies of a kind.</summary>
    public ImmutableDictionary<ObjectName, PolicyRecord> this[PolicyKind kind] =>
        _byKind.GetValueOrDefault(kind, ImmutableDictionary<ObjectName, PolicyRecord>.Empty);

    /// <summary>A policy; null when there is none of that name.</summary>
    public PolicyRecord<TSpec>? Find<TPolicy, TSpec>(PolicyKind<TPolicy, TSpec> kind, ObjectName name)
        where TPolicy : CustomKubernetesEntity, IMeshPolicy<TSpec>, new()
        where TSpec : class, new() => (PolicyRecord<TSpec>?)this[kind].GetValueOrDefault(name);

    /// <summary>The set with a policy added or replaced.</summary>
    public PolicySet With<TPolicy, TSpec>(PolicyKind<TPolicy, TSpec> kind, ObjectName name, PolicyRecord<TSpec> policy)
        where TPolicy : CustomKubernetesEntity, IMeshPolicy<TSpec>, new()
        where TSpec : class, new() => new(_byKind.SetItem(kind, this[kind].SetItem(name, policy)));

    /// <summary>The set with a policy as it is in another one.</summary>
    public PolicySet Take(PolicyKind kind, ObjectName name, PolicySet from)
    {
        ArgumentNullException.ThrowIfNull(from);
        return new(_byKind.SetItem(kind, this[kind].SetItem(name, from[kind][name])));
    }

    /// <summary>The set without a policy.</summary>
    public PolicySet Without(PolicyKind kind, ObjectName name) => new(_byKind.SetItem(kind, this[kind].Remove(name)));
}

/// <summary>A policy of any kind.</summary>
/// <param name="Uid">Distinguishes the object from earlier ones of its name.</param>
/// <param name="Generation">The object's generation, which the status refers to.</param>
/// <param name="Created">When the object was created; of two in conflict the older wins.</param>
/// <param name="Refusal">Why the present spec is not valid; null when it is.</param>
public abstract record PolicyRecord(string Uid, long Generation, DateTimeOffset Created, string? Refusal)
{
    /// <summary>Whether a valid spec is known: the present one, or an earlier one.</summary>
    public abstract bool HasSpec { get; }
}

/// <summary>A policy.</summary>
/// <typeparam name="TSpec">Its spec's type.</typeparam>
/// <param name="Uid">Distinguishes the object from earlier ones of its name.</param>
/// <param name="Generation">The object's generation, which the status refers to.</param>
/// <param name="Created">When the object was created; of two in conflict the older wins.</param>
/// <param name="Spec">The last valid spec; null when there was none.</param>
/// <param name="Refusal">Why the present spec is not valid; null when it is.</param>
public sealed record PolicyRecord<TSpec>(string Uid, long Generation, DateTimeOffset Created, TSpec? Spec, string? Refusal)
    : PolicyRecord(Uid, Generation, Created, Refusal)
    where TSpec : class
{
    /// <inheritdoc/>
    public override bool HasSpec => Spec is not null;
}
