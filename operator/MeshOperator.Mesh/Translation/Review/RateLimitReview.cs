using MeshOperator.Api;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation.Endpoints;
using MeshOperator.Mesh.Translation.Policies;
using MeshOperator.Mesh.Translation.Verdicts;

namespace MeshOperator.Mesh.Translation.Review;

/// <summary>Finds out, once it is known what pods serve, where RateLimits have no effect.</summary>
internal static class RateLimitReview
{
    public static IEnumerable<PolicyFinding> Review(
        ClusterSnapshot snapshot,
        RateLimitIndex limits,
        MtlsPolicyIndex modes,
        ServedPorts served
    ) => [.. FindOverridden(snapshot, limits, served), .. FindUnseen(snapshot, limits, modes, served)];

    /// <summary>The policies over which others take precedence, and where.</summary>
    private static IEnumerable<PolicyFinding> FindOverridden(ClusterSnapshot snapshot, RateLimitIndex limits, ServedPorts served)
    {
        if (limits.NamespacesWithSeveral.Count == 0)
            return [];
        var overrides = new Overrides();
        foreach (var (name, pod) in snapshot.Pods)
        {
            if (!pod.HasProxy || pod.IsDirectAltogether || !limits.NamespacesWithSeveral.Contains(name.Namespace))
                continue;
            foreach (var (number, port) in served.GetPorts(name))
            {
                if (port.Protocol != PortProtocol.Tcp)
                    Compare(limits.FindLevels(name.Namespace, pod, port.Services), (name.Name, number), overrides);
            }
        }

        return overrides.Losers.Select(loser => ToFinding(loser, overrides));
    }

    private static void Compare(
        IEnumerable<IEnumerable<RateLimitIndex.Candidate>> levels,
        (string Pod, int Port) place,
        Overrides overrides
    )
    {
        RateLimitIndex.Candidate? holder = null;
        foreach (var level in levels.Select(level => level.ToList()))
        {
            var isOlder = holder is null;
            holder ??= RateLimitIndex.GetOldest(level);
            foreach (var loser in level)
                overrides.AddLoser(loser.Key, holder!.Key, isOlder, place);
        }

        if (holder is not null)
            overrides.AddHolder(holder.Key);
    }

    private static Overridden ToFinding(PolicyKey loser, Overrides overrides)
    {
        var everywhere = !overrides.Holds(loser);
        // One for all ports, and another one for some of them, is how it is meant.
        var advice = everywhere || overrides.LosesByAge(loser) ? "; delete one of them or choose other targets" : string.Empty;
        return new Overridden(loser, $"{overrides.Describe(loser)}{advice}", everywhere);
    }

    /// <summary>The policies on ports on which no requests are seen: undeclared ones where mutual TLS is disabled.</summary>
    private static IEnumerable<PolicyFinding> FindUnseen(
        ClusterSnapshot snapshot,
        RateLimitIndex limits,
        MtlsPolicyIndex modes,
        ServedPorts served
    )
    {
        if (snapshot.Policies[PolicyKinds.RateLimit].IsEmpty || !modes.All.Any(policy => policy.CanDisable))
            return [];
        var unseen = new SortedDictionary<PolicyKey, SortedSet<int>>(PolicyKeyOrder.Instance);
        foreach (var (name, pod) in snapshot.Pods)
        {
            if (!pod.HasProxy || pod.IsDirectAltogether || modes.Find(name.Namespace, pod) is not { CanDisable: true } mode)
                continue;
            foreach (var (number, port) in served.GetPorts(name))
            {
                if (port.Protocol is not PortProtocol.Detect || mode.GetMode(number) is not MtlsMode.Disabled)
                    continue;
                if (limits.Find(name.Namespace, pod, port.Services) is not { } limit)
                    continue;
                if (!unseen.TryGetValue(limit.Key, out var ports))
                    unseen.Add(limit.Key, ports = []);
                ports.Add(number);
            }
        }

        return unseen.Select(policy => new Unresolved(policy.Key, ConditionReasons.UnsupportedProtocol, UnseenMessage(policy.Value)));
    }

    private static string UnseenMessage(SortedSet<int> ports) =>
        $"no requests are counted on port {string.Join(", ", ports)}: the protocol is not declared, and without it a port with mutual "
        + "TLS Disabled is treated as TCP; "
        + "declare HTTP with appProtocol";
}
