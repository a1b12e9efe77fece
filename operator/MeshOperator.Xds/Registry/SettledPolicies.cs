using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Translation;

namespace MeshOperator.Xds.Registry;

/// <summary>What was measured of policies that all proxies which are connected here have acknowledged. Further acknowledgements change
/// nothing of that, so it is measured again only when what carries the policy, subscriptions or connections change, or something is
/// rejected. Each change would otherwise cost as much as there are policies and proxies.</summary>
internal sealed class SettledPolicies
{
    private readonly Lock _gate = new();
    private readonly Dictionary<PolicyKey, (ExpectedProxies Expected, long? Generation, PolicyProgress Progress)> _progress = [];
    private readonly Dictionary<PolicyKey, ReportedPolicy> _reports = [];
    private EnvoyConfiguration? _configuration;
    private long _unsettled;
    private long _turn;

    /// <summary>Forgets what may be otherwise now.</summary>
    /// <param name="configuration">What is served.</param>
    /// <param name="unsettled">The <see cref="ProxyRegistry.Unsettled"/> of the moment.</param>
    /// <param name="hasLibraries">Whether gRPC libraries are connected.</param>
    /// <returns>What to hand over with what is measured from now on.</returns>
    public long Turn(EnvoyConfiguration configuration, long unsettled, bool hasLibraries)
    {
        lock (_gate)
        {
            if (ReferenceEquals(configuration, _configuration) && unsettled == _unsettled)
                return _turn;
            var changed =
                unsettled == _unsettled && _configuration is { } before
                    ? PolicyCarriers.FindChanged(before, configuration, hasLibraries)
                    : null;
            (_configuration, _unsettled) = (configuration, unsettled);
            _turn++;
            if (changed is null)
            {
                _progress.Clear();
                _reports.Clear();
                return _turn;
            }

            foreach (var policy in changed)
            {
                _progress.Remove(policy);
                _reports.Remove(policy);
            }

            return _turn;
        }
    }

    /// <summary>How far a policy is; null when that must be measured.</summary>
    public PolicyProgress? FindProgress(PolicyKey policy, ExpectedProxies expected, long? generation)
    {
        lock (_gate)
        {
            return
                _progress.TryGetValue(policy, out var known) && ReferenceEquals(known.Expected, expected) && known.Generation == generation
                ? known.Progress
                : null;
        }
    }

    /// <summary>What is reported of a policy; null when that must be measured.</summary>
    public ReportedPolicy? FindReport(PolicyKey policy)
    {
        lock (_gate)
            return _reports.GetValueOrDefault(policy);
    }

    /// <summary>Keeps what was measured of a policy to which all proxies have come, unless something has changed meanwhile.</summary>
    public void Keep(long turn, PolicyKey policy, ExpectedProxies expected, long? generation, PolicyProgress progress)
    {
        lock (_gate)
        {
            if (turn == _turn)
                _progress[policy] = (expected, generation, progress);
        }
    }

    /// <inheritdoc cref="Keep(long, PolicyKey, ExpectedProxies, long?, PolicyProgress)"/>
    public void Keep(long turn, PolicyKey policy, ReportedPolicy report)
    {
        lock (_gate)
        {
            if (turn == _turn)
                _reports[policy] = report;
        }
    }
}
