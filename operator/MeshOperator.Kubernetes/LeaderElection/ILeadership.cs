namespace MeshOperator.Kubernetes.LeaderElection;

/// <summary>Whether this replica is the one that writes.</summary>
public interface ILeadership
{
    /// <summary>Raised after <see cref="IsLeader"/> changed.</summary>
    event Action? Changed;

    /// <summary>Whether this replica leads now; false as soon as its lease may have expired.</summary>
    bool IsLeader { get; }

    /// <summary>The timestamp of the API server's last answer to this replica's election, of whatever kind; null where there is no
    /// election. A replica asks at least every few seconds.</summary>
    long? LastAnswer => null;

    /// <summary>Cancelled when the present term of leading ends; of a replica that does not lead, cancelled already. Long work of a
    /// leader takes it along.</summary>
    CancellationToken Term => CancellationToken.None;

    /// <summary>Asks the API server whether this replica leads, by a write to the lease that succeeds only if nobody else has written
    /// to it. After true, no other replica leads for some seconds more, by any replica's clock; see <see cref="LeaseElection"/>.</summary>
    Task<bool> ConfirmAsync(CancellationToken cancellation) => Task.FromResult(IsLeader);
}

/// <summary>The leadership of a replica that is alone.</summary>
public sealed class SoleLeadership : ILeadership
{
    /// <summary>Leads at once and for ever.</summary>
    public SoleLeadership() => Metrics.KubernetesMetrics.Leaders.Add(this, "lease", "none", static _ => 1);

    /// <inheritdoc/>
    public event Action? Changed
    {
        add { }
        remove { }
    }

    /// <inheritdoc/>
    public bool IsLeader => true;
}
