using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Translation;

namespace MeshOperator.Xds.Registry;

/// <summary>What was measured of policies that all proxies which are connected here have acknowledged. Further acknowledgements change
/// nothing of that, so it is measured again only when what carries the policy, subscriptions or connections change, or something is
/// rejected. Each change would otherwise cost as much as there are policies and proxies.</summary>
internal sealed class SettledPolicies
{
    private readonly Lock _gate = new();
    private readonly Dictionary<PolicyKey, (long? Generation, PolicyProgress Progress)> _progress = [];
    private readonly Dictionary<PolicyKey, ReportedPolicy> _reports = [];
    private EnvoyConfiguration? _configuration;
    private ExpectedProxies? _expected;
    private long _unsettled;
    private long _turn;

    /// <summary>Forgets what may be otherwise now.</summary>
    /// <param name="configuration">What is served.</param>
    /// <param name="unsettled">The <see cref="ProxyRegistry.Unsettled"/> of the moment.</param>
    /// <param name="hasLibraries">Whether gRPC libraries are connected.</param>
    /// <param name="expected">The proxies that are not connected here; null when they do not matter now.</param>
    /// <returns>What to hand over with what is measured from now on.</returns>
    public long Turn(EnvoyConfiguration configuration, long unsettled, bool hasLibraries, ExpectedProxies? expected = null)
    {
        lock (_gate)
        {
            var isSame = ReferenceEquals(configuration, _configuration) && unsettled == _unsettled;
            expected ??= _expected;
            if (isSame && ReferenceEquals(expected, _expected))
                return _turn;
            if (!isSame)
            {
                var changed =
                    unsettled == _unsettled && _configuration is { } before
                        ? PolicyCarriers.FindChanged(before, configuration, hasLibraries)
                        : null;
                Forget(_progress, changed);
                Forget(_reports, changed);
            }

            if (expected is not null && !ReferenceEquals(expected, _expected))
                Forget(_progress, _expected?.FindChanged(expected, configuration));
            (_configuration, _unsettled, _expected) = (configuration, unsettled, expected);
            return ++_turn;
        }
    }

    /// <summary>How far a policy is; null when that must be measured.</summary>
    public PolicyProgress? FindProgress(long turn, PolicyKey policy, long? generation)
    {
        lock (_gate)
            return turn == _turn && _progress.TryGetValue(policy, out var known) && known.Generation == generation ? known.Progress : null;
    }

    /// <summary>What is reported of a policy; null when that must be measured.</summary>
    public ReportedPolicy? FindReport(PolicyKey policy)
    {
        lock (_gate)
            return _reports.GetValueOrDefault(policy);
    }

    /// <summary>Keeps what was measured of a policy to which all proxies have come, unless something has changed meanwhile.</summary>
    public void Keep(long turn, PolicyKey policy, long? generation, PolicyProgress progress)
    {
        lock (_gate)
        {
            if (turn == _turn)
                _progress[policy] = (generation, progress);
        }
    }

    /// <inheritdoc cref="Keep(long, PolicyKey, long?, PolicyProgress)"/>
    public void Keep(long turn, PolicyKey policy, ReportedPolicy report)
    {
        lock (_gate)
        {
            if (turn == _turn)
                _reports[policy] = report;
        }
    }

    /// <summary>Forgets some policies, or all.</summary>
    private static void Forget<T>(Dictionary<PolicyKey, T> known, IReadOnlySet<PolicyKey>? changed)
    {
        if (changed is null)
            known.Clear();
        foreach (var policy in changed ?? new HashSet<PolicyKey>())
            known.Remove(policy);
    }
}
