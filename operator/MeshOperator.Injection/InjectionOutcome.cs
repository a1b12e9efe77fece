namespace MeshOperator.Injection;

/// <summary>What became of an injection.</summary>
public sealed record InjectionOutcome
{
    private InjectionOutcome() { }

    /// <summary>Whether the sidecar was added.</summary>
    public bool IsInjected { get; private init; }

    /// <summary>Why the pod stays as it is, or is refused.</summary>
    public string? Reason { get; private init; }

    /// <summary>Whether the pod must not be created as it is.</summary>
    public bool IsRefused { get; private init; }

    /// <summary>What the user should know besides.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    /// <summary>The sidecar was added.</summary>
    public static InjectionOutcome Done() => new() { IsInjected = true };

    /// <summary>The pod stays as it is.</summary>
    public static InjectionOutcome Skip(string reason) => new() { Reason = reason };

    /// <summary>The pod must not be created as it is.</summary>
    public static InjectionOutcome Refuse(string reason) => new() { Reason = reason, IsRefused = true };
}
