using MeshOperator.Kubernetes.LeaderElection;

namespace MeshOperator.Replicas;

/// <summary>How long ago this replica last had an answer of the API server. Every replica asks about the leader's lease each second or
/// few, so nothing more is asked.</summary>
internal sealed class ApiContact(ILeadership leadership, TimeProvider time)
{
    /// <summary>Since the last answer; nothing where there is no election.</summary>
    public TimeSpan Elapsed => leadership.LastAnswer is { } answered ? time.GetElapsedTime(answered) : TimeSpan.Zero;
}
