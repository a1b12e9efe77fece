using Envoy.Config.Cluster.V3;
using MeshOperator.Proxy.Matching;
using Protocols = Envoy.Extensions.Upstreams.Http.V3.HttpProtocolOptions;

namespace MeshOperator.Proxy.Upstream;

/// <summary>Ejects endpoints that fail several times in a row, for some time (envoy.config.cluster.v3.OutlierDetection).</summary>
internal sealed class OutlierEjection
{
    private const int DefaultConsecutive = 5;
    private const int InternalError = 500;

    private readonly Lock _gate = new();
    private readonly OutlierDetection _detection;
    private readonly IReadOnlyList<HeaderMatch>? _errors;
    private readonly TimeProvider _time;

    /// <summary>Makes the detection of a cluster.</summary>
    public OutlierEjection(OutlierDetection detection, Protocols? protocols, TimeProvider time)
    {
        _detection = detection;
        _time = time;
        _errors = protocols?.OutlierDetection?.ErrorMatcher?.HttpResponseHeadersMatch is { } match
            ? [.. match.Headers.Select(HeaderMatch.Create)]
            : null;
    }

    private int Consecutive => (int)(_detection.Consecutive5Xx ?? DefaultConsecutive);
    private int ConsecutiveGateway => (int)(_detection.ConsecutiveGatewayFailure ?? DefaultConsecutive);
    private int ConsecutiveLocal => (int)(_detection.ConsecutiveLocalOriginFailure ?? DefaultConsecutive);
    private TimeSpan Interval => _detection.Interval?.ToTimeSpan() ?? TimeSpan.FromSeconds(10);
    private TimeSpan Base => _detection.BaseEjectionTime?.ToTimeSpan() ?? TimeSpan.FromSeconds(30);

    private TimeSpan Longest =>
        _detection.MaxEjectionTime?.ToTimeSpan() ?? (Base > TimeSpan.FromSeconds(300) ? Base : TimeSpan.FromSeconds(300));

    /// <summary>Whether an endpoint is ejected now.</summary>
    public bool IsEjected(UpstreamHost host) => host.Health.EjectedUntil is { } until && _time.GetTimestamp() < until;

    /// <summary>Notes a response.</summary>
    /// <param name="host">Whose.</param>
    /// <param name="hosts">All endpoints of the cluster.</param>
    /// <param name="status">Its status.</param>
    /// <param name="header">Gives the value of one of its headers, or null.</param>
    public void Answered(UpstreamHost host, IReadOnlyList<UpstreamHost> hosts, int status, Func<string, string?> header)
    {
        if (_errors is not null)
            status = _errors.All(condition => condition.IsMatch(header)) ? InternalError : 200;
        lock (_gate)
        {
            host.Health.LocalFailures = 0;
            Note(host, hosts, isError: status >= InternalError, isGateway: status is >= 502 and <= 504);
        }
    }

    /// <summary>Notes that no response came.</summary>
    public void Failed(UpstreamHost host, IReadOnlyList<UpstreamHost> hosts)
    {
        lock (_gate)
        {
            if (!_detection.SplitExternalLocalOriginErrors)
            {
                Note(host, hosts, isError: true, isGateway: true);
                return;
            }

            if (++host.Health.LocalFailures >= ConsecutiveLocal && IsEnforced(_detection.EnforcingConsecutiveLocalOriginFailure, 100))
                Eject(host, hosts);
        }
    }

    private void Note(UpstreamHost host, IReadOnlyList<UpstreamHost> hosts, bool isError, bool isGateway)
    {
        var health = host.Health;
        health.Errors = isError ? health.Errors + 1 : 0;
        health.GatewayErrors = isGateway ? health.GatewayErrors + 1 : 0;
        if (
            (health.Errors >= Consecutive && IsEnforced(_detection.EnforcingConsecutive5Xx, 100))
            || (health.GatewayErrors >= ConsecutiveGateway && IsEnforced(_detection.EnforcingConsecutiveGatewayFailure, 0))
        )
            Eject(host, hosts);
    }

    private void Eject(UpstreamHost host, IReadOnlyList<UpstreamHost> hosts)
    {
        var health = host.Health;
        health.Errors = health.GatewayErrors = health.LocalFailures = 0;
        if (IsEjected(host))
            return;
        var ejected = hosts.Count(IsEjected);
        var isFirst = ejected == 0 && (_detection.AlwaysEjectOneHost ?? false);
        if (!isFirst && (ejected + 1) * 100 > (_detection.MaxEjectionPercent ?? 10) * hosts.Count)
            return;

        // Each interval that it was not ejected makes up for one ejection.
        if (health.EjectedUntil is { } until)
            health.Ejections = Math.Max(0, health.Ejections - (int)(_time.GetElapsedTime(until) / Interval));
        health.Ejections++;
        var time = Base * health.Ejections;
        health.EjectedUntil = _time.GetTimestamp() + (long)((time < Longest ? time : Longest).TotalSeconds * _time.TimestampFrequency);
    }

    private static bool IsEnforced(uint? percent, uint otherwise) => Dice.Below(100) < (percent ?? otherwise);
}
