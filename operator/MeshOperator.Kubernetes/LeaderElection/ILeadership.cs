namespace MeshOperator.Kubernetes.LeaderElection;

/// <summary>Whether this replica is the one that writes.</summary>
public interface ILeadership
{
    /// <summary>Told after <see cref="IsLeader"/> changed.</summary>
    event Action? Changed;

    /// <summary>Whether this replica leads now; false as soon as its lease may have expired.</summary>
    bool IsLeader { get; }
}

/// <summary>The leadership of a replica that is alone.</summary>
public sealed class SoleLeadership : ILeadership
{
    /// <inheritdoc/>
    public event Action? Changed
    {
        add { }
        remove { }
    }

    /// <inheritdoc/>
    public bool IsLeader => true;
}
