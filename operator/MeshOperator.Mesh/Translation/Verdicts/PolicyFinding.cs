using MeshOperator.Mesh.Model;

namespace MeshOperator.Mesh.Translation.Verdicts;

/// <summary>Something that a phase of the translation found of a policy.</summary>
internal abstract record PolicyFinding(PolicyKey Policy);

/// <summary>The policy has a target.</summary>
internal sealed record TargetFound(PolicyKey Policy) : PolicyFinding(Policy);

/// <summary>One of its targets does not exist.</summary>
internal sealed record TargetMissing(PolicyKey Policy, string Message) : PolicyFinding(Policy);

/// <summary>An older policy has what this one wants. It may still hold for a target that was found.</summary>
internal sealed record Conflicted(PolicyKey Policy, string Message) : PolicyFinding(Policy);

/// <summary>Something that it names does not exist or cannot do what is asked.</summary>
/// <param name="Policy">The policy.</param>
/// <param name="Reason">One of <see cref="Api.ConditionReasons"/>.</param>
/// <param name="Message">What, where, and what to do.</param>
internal sealed record Unresolved(PolicyKey Policy, string Reason, string Message) : PolicyFinding(Policy);

/// <summary>Other policies take precedence over this one, which is valid all the same.</summary>
/// <param name="Policy">The policy.</param>
/// <param name="Message">Which, why, and what to do; it continues "overridden".</param>
/// <param name="Everywhere">Whether nothing is left of it.</param>
internal sealed record Overridden(PolicyKey Policy, string Message, bool Everywhere) : PolicyFinding(Policy);

/// <summary>Something to know of a policy that is in effect.</summary>
internal sealed record Noted(PolicyKey Policy, string Message) : PolicyFinding(Policy);

/// <summary>There is no proxy that could have something of the policy.</summary>
internal sealed record WithoutProxies(PolicyKey Policy, string Message) : PolicyFinding(Policy);

/// <summary>What a phase makes, and what it found of policies on its way.</summary>
internal sealed record Found<T>(T Result, IReadOnlyList<PolicyFinding> Findings);
