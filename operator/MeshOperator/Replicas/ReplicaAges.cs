using System.Collections.Concurrent;
using k8s.Models;

namespace MeshOperator.Replicas;

/// <summary>Whether the replicas that report are alive: how long ago a report was last seen renewed. Their own clocks, by which they write
/// when that was, may differ from this machine's.</summary>
internal sealed class ReplicaAges(TimeProvider time)
{
    /// <summary>Who has not renewed its report for so long is gone.</summary>
    public static readonly TimeSpan FreshFor = TimeSpan.FromSeconds(40);

    private static readonly TimeSpan KeptFor = TimeSpan.FromMinutes(10);
    private readonly ConcurrentDictionary<string, Sight> _seen = new();

    /// <summary>Sees all reports as they are now.</summary>
    public void See(IEnumerable<V1Lease> leases)
    {
        var present = new HashSet<string>(StringComparer.Ordinal);
        foreach (var lease in leases)
        {
            present.Add(lease.Metadata.Name);
            Measure(lease);
        }

        foreach (var gone in _seen.Keys.Where(name => !present.Contains(name)))
            _seen.TryRemove(gone, out _);
    }

    /// <summary>Whether a report's replica is alive.</summary>
    public bool IsFresh(V1Lease lease) => Measure(lease) < FreshFor;

    /// <summary>The reports of the other replicas that are alive. One that has died may still be on record with an address that another
    /// replica has now, or this one: there is the one that wrote last.</summary>
    /// <param name="leases">All reports.</param>
    /// <param name="self">This replica's identity.</param>
    public IEnumerable<V1Lease> FindOthers(IEnumerable<V1Lease> leases, string self) =>
        leases
            .Where(lease => lease.Spec?.HolderIdentity is { } holder && (holder == self || IsFresh(lease)))
            .GroupBy(lease => ReplicaLeases.FindAddress(lease)?.ToString() ?? lease.Metadata.Name)
            .Select(same => same.MaxBy(lease => lease.Spec.RenewTime)!)
            .Where(lease => lease.Spec.HolderIdentity != self);

    /// <summary>Whether a report's replica is long gone.</summary>
    public bool IsOld(V1Lease lease) => Measure(lease) > KeptFor;

    private TimeSpan Measure(V1Lease lease)
    {
        var now = new Sight(lease.Spec?.RenewTime, time.GetTimestamp());
        var sight = _seen.AddOrUpdate(lease.Metadata.Name, now, (_, before) => before.Renewed == now.Renewed ? before : now);
        return time.GetElapsedTime(sight.At);
    }

    private readonly record struct Sight(DateTime? Renewed, long At);
}
