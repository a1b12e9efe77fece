using System.Reflection;
using FluentValidation;
using k8s.Models;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Api.Policies;

/// <summary>What a policy has an effect on, so that a change of it renews that and nothing else.</summary>
[Flags]
public enum PolicyEffects
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>How callers route requests to the services that the policy targets.</summary>
    Routes = 1,

    /// <summary>How callers connect to the endpoints in the policy's namespace, or of the whole mesh if it is in the operator's.</summary>
    Endpoints = 2,

    /// <summary>What the proxies of the pods in the policy's namespace do with incoming traffic.</summary>
    Workloads = 4,
}

/// <summary>All that is declared of one kind of policy.</summary>
/// <param name="entity">The type of its objects.</param>
/// <param name="affects">What its policies have an effect on.</param>
public abstract class PolicyKind(Type entity, PolicyEffects affects)
{
    private readonly KubernetesEntityAttribute _names = entity.GetCustomAttribute<KubernetesEntityAttribute>()!;

    /// <summary>Its name in manifests.</summary>
    public string Name => _names.Kind;

    /// <summary>Its name in the API's paths.</summary>
    public string Plural => _names.PluralName;

    /// <summary>The type of its objects.</summary>
    public Type Entity { get; } = entity;

    /// <summary>What its policies have an effect on.</summary>
    public PolicyEffects Affects { get; } = affects;

    /// <summary>Does something for which the types of the kind must be known.</summary>
    public abstract TResult Accept<TResult>(IPolicyKindVisitor<TResult> visitor);

    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>Does something for each kind of policy.</summary>
/// <typeparam name="TResult">What comes of it.</typeparam>
public interface IPolicyKindVisitor<out TResult>
{
    /// <summary>Does it for one kind.</summary>
    TResult Visit<TPolicy, TSpec>(PolicyKind<TPolicy, TSpec> kind)
        where TPolicy : CustomKubernetesEntity, IMeshPolicy<TSpec>, new()
        where TSpec : class, new();
}

/// <summary>A kind of policy whose types are known.</summary>
/// <param name="validator">What its specs must fulfil besides the schema.</param>
/// <param name="targets">What a spec names that it applies to; nothing when it selects pods.</param>
/// <param name="affects">What its policies have an effect on.</param>
/// <typeparam name="TPolicy">The type of its objects.</typeparam>
/// <typeparam name="TSpec">The type of their specs, whose new object has the schema's defaults.</typeparam>
public sealed class PolicyKind<TPolicy, TSpec>(
    IValidator<TSpec> validator,
    Func<TSpec, IEnumerable<PolicyTargetReference>> targets,
    PolicyEffects affects
) : PolicyKind(typeof(TPolicy), affects)
    where TPolicy : CustomKubernetesEntity, IMeshPolicy<TSpec>, new()
    where TSpec : class, new()
{
    /// <summary>What its specs must fulfil besides the schema; the same rules in the webhook and in the reconciler.</summary>
    public IValidator<TSpec> Validator { get; } = validator;

    /// <summary>What a spec names that it applies to; nothing when it selects pods.</summary>
    public IEnumerable<PolicyTargetReference> GetTargets(TSpec spec) => targets(spec);

    /// <inheritdoc/>
    public override TResult Accept<TResult>(IPolicyKindVisitor<TResult> visitor) => visitor.Visit(this);
}
