using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation.Endpoints;
using MeshOperator.Mesh.Translation.Policies;

namespace MeshOperator.Mesh.Translation.Workloads;

/// <summary>The RateLimits of the ports of a pod. A proxy can be of one group of pods only: that of the oldest policy which is for several
/// pods together. Those that are for the same pods share with it, and all others count alone here.</summary>
internal sealed class PodLimits
{
    private readonly SortedDictionary<int, RateLimitIndex.Candidate> _byPort = [];
    private readonly bool _canShare;

    private PodLimits(bool canShare) => _canShare = canShare;

    /// <summary>The oldest policy that is for several pods together, or null.</summary>
    public RateLimitIndex.Candidate? Holder { get; private set; }

    /// <summary>The policies, each once.</summary>
    public IEnumerable<RateLimitIndex.Candidate> Policies => _byPort.Values.Distinct();

    /// <summary>Finds those of a pod.</summary>
    public static PodLimits Find(
        RateLimitIndex limits,
        MtlsPolicyIndex.Candidate? mode,
        string ns,
        PodRecord pod,
        IReadOnlyDictionary<int, ServedPort> served
    )
    {
        var result = new PodLimits(pod.CanShareLimits);
        foreach (var (number, port) in served)
        {
            if (
                !InboundPort.IsBytes(port.Protocol, mode?.GetMode(number) ?? MtlsMode.Permissive)
                && limits.Find(ns, pod, port.Services) is { } candidate
            )
                result._byPort.Add(number, candidate);
        }

        result.Holder = result.Policies.Where(policy => policy.Group is not null).MinBy(policy => policy.Rank);
        return result;
    }

    /// <summary>The policy of a port, or null.</summary>
    public RateLimitIndex.Candidate? Find(int port) => _byPort.GetValueOrDefault(port);

    /// <summary>The limits of a port.</summary>
    public ValueList<RequestLimit> GetLimits(int port) =>
        Find(port) is not { } policy ? []
        : _canShare && IsHeld(policy) ? policy.SharedLimits
        : policy.Limits;

    /// <summary>Whether a policy is for the pods with which the proxy shares limits.</summary>
    public bool IsHeld(RateLimitIndex.Candidate policy) => policy.Group is not null && policy.Group == Holder?.Group;
}
