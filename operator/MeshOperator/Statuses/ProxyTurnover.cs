using System.Collections.Concurrent;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;

namespace MeshOperator.Statuses;

/// <summary>When the number of proxies is to be written of a policy that is programmed, while proxies come and go: a rollout of all pods is
/// one change.</summary>
/// <param name="settles">How long the number must have been the same.</param>
/// <param name="longest">How long it is put off at most.</param>
internal sealed class ProxyTurnover(TimeSpan settles, TimeSpan longest)
{
    private readonly ConcurrentDictionary<PolicyKey, Numbers> _policies = new();

    /// <summary>When the numbers of a policy may be written, which are other ones than its status has.</summary>
    public DateTimeOffset DueAt(PolicyKey key, ProxyCounts counts, DateTimeOffset now)
    {
        var found = (counts.Targeted, counts.Acknowledged);
        var numbers = _policies.AddOrUpdate(
            key,
            _ => new Numbers(found, now, now),
            (_, before) => before.Latest == found ? before : new Numbers(found, before.BeganAt, now)
        );
        var (settled, last) = (numbers.ChangedAt + settles, numbers.BeganAt + longest);
        return settled < last ? settled : last;
    }

    /// <summary>The status of a policy has the numbers.</summary>
    public void End(PolicyKey key) => _policies.TryRemove(key, out _);

    /// <summary>Forgets policies that are gone.</summary>
    public void Keep(Func<PolicyKey, bool> isThere)
    {
        foreach (var gone in _policies.Keys.Where(key => !isThere(key)))
            _policies.TryRemove(gone, out _);
    }

    /// <param name="Latest">How many proxies the policy applies to, and how many of them have acknowledged it.</param>
    /// <param name="BeganAt">Since when that is something else than what is written.</param>
    /// <param name="ChangedAt">When it last changed.</param>
    private sealed record Numbers((int Targeted, int Acknowledged) Latest, DateTimeOffset BeganAt, DateTimeOffset ChangedAt);
}
