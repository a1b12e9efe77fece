namespace MeshOperator.Kubernetes.Controllers;

/// <summary>How controllers are run.</summary>
public sealed record ControllerOptions
{
    /// <summary>How many objects of a kind are reconciled at once.</summary>
    public int Workers { get; init; } = 2;

    /// <summary>How long one reconciliation may take before its token is cancelled and it is tried again.</summary>
    public TimeSpan ReconcileTimeout { get; init; } = TimeSpan.FromMinutes(2);

    /// <summary>How long reconciliations in flight may go on after the shutdown began. Must be shorter than the host's own bound.</summary>
    public TimeSpan StopWithin { get; init; } = TimeSpan.FromSeconds(5);
}
