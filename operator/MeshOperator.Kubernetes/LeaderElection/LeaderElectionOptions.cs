namespace MeshOperator.Kubernetes.LeaderElection;

/// <summary>The times of an election; all replicas must have the same.</summary>
public sealed record LeaderElectionOptions
{
    /// <summary>How long a lease that is not renewed counts, as others read it; in whole seconds.</summary>
    public TimeSpan LeaseDuration { get; init; } = TimeSpan.FromSeconds(15);

    /// <summary>How long a leader goes on without having renewed; then it steps down.</summary>
    public TimeSpan RenewDeadline { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How often a leader renews.</summary>
    public TimeSpan RenewInterval { get; init; } = TimeSpan.FromSeconds(4);

    /// <summary>How often a candidate looks, and a leader tries again that could not renew.</summary>
    public TimeSpan RetryInterval { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long after it has seen the last renewal a candidate takes a lease over: later than the holder steps down, and so much
    /// sooner than the lease ends that another takes it within its duration.</summary>
    internal TimeSpan TakeoverAfter => RenewDeadline + ((LeaseDuration - RenewDeadline) * 0.4);

    internal void Validate()
    {
        if (
            RetryInterval <= TimeSpan.Zero
            || RenewInterval < RetryInterval
            || RenewDeadline <= RenewInterval
            || LeaseDuration <= RenewDeadline
        )
            throw new ArgumentException(
                "An election needs RetryInterval <= RenewInterval < RenewDeadline < LeaseDuration, all above zero."
            );
        if (LeaseDuration < TimeSpan.FromSeconds(1) || LeaseDuration.Ticks % TimeSpan.TicksPerSecond != 0)
            throw new ArgumentException("An election's LeaseDuration must be whole seconds.");
    }
}
