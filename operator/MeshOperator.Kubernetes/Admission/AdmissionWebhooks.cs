using k8s;
using k8s.Models;

namespace MeshOperator.Kubernetes.Admission;

/// <summary>What is asked of a webhook besides the object.</summary>
/// <param name="Operation">CREATE, UPDATE or DELETE.</param>
/// <param name="Namespace">The request's namespace, which the object itself may lack; empty for cluster-scoped kinds.</param>
/// <param name="DryRun">Whether nothing will be stored.</param>
public sealed record AdmissionContext(string Operation, string Namespace, bool DryRun);

/// <summary>Changes objects before they are stored.</summary>
/// <typeparam name="TEntity">The entity type.</typeparam>
public abstract class MutationWebhook<TEntity>
    where TEntity : class, IKubernetesObject<V1ObjectMeta>
{
    /// <summary>Changes <paramref name="entity"/> in place, or refuses it. What is changed is sent as a JSON patch.</summary>
    public abstract Task<AdmissionResult> MutateAsync(TEntity entity, AdmissionContext context, CancellationToken cancellationToken);
}

/// <summary>Accepts or refuses objects before they are stored.</summary>
/// <typeparam name="TEntity">The entity type.</typeparam>
public abstract class ValidationWebhook<TEntity>
    where TEntity : class, IKubernetesObject<V1ObjectMeta>
{
    /// <summary>Looks at an object; <paramref name="old"/> is how it was, on an update.</summary>
    public abstract Task<AdmissionResult> ValidateAsync(
        TEntity entity,
        TEntity? old,
        AdmissionContext context,
        CancellationToken cancellationToken
    );
}

/// <summary>A webhook's answer.</summary>
public sealed record AdmissionResult
{
    private AdmissionResult() { }

    /// <summary>Whether the object may be stored.</summary>
    public bool Allowed { get; private init; }

    /// <summary>Why not.</summary>
    public string? Message { get; private init; }

    /// <summary>The HTTP status that the user's request gets when it is refused.</summary>
    public int Code { get; private init; }

    /// <summary>Warnings for the user.</summary>
    public IReadOnlyList<string> Warnings { get; private init; } = [];

    /// <summary>The object may be stored.</summary>
    public static AdmissionResult Allow(params string[] warnings) => new() { Allowed = true, Warnings = warnings };

    /// <summary>The object is refused.</summary>
    /// <param name="message">What is wrong with which field, and what to do.</param>
    /// <param name="code">The HTTP status, 422 by default.</param>
    public static AdmissionResult Deny(string message, int code = 422) => new() { Message = message, Code = code };
}
