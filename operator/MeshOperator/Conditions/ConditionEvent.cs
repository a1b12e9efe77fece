namespace MeshOperator.Conditions;

/// <summary>An event about a condition that changed.</summary>
internal sealed record ConditionEvent(bool IsWarning, string Reason, string Message);
