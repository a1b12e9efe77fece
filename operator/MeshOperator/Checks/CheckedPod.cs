namespace MeshOperator.Checks;

/// <summary>Whether a pod has the sidecar.</summary>
internal enum SidecarState
{
    /// <summary>It has it.</summary>
    Injected,

    /// <summary>It is not created yet, and will get it.</summary>
    WouldBe,

    /// <summary>It lacks it, or would not get it.</summary>
    No,
}

/// <summary>What was found of a pod.</summary>
/// <param name="Name">For example <c>pod/web-0</c>.</param>
/// <param name="State">Whether it has the sidecar.</param>
/// <param name="Reason">Why not, or what is wrong with it, and what to do about it; null otherwise.</param>
internal sealed record CheckedPod(string Name, SidecarState State, string? Reason = null);
