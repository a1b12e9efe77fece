using Envoy.Config.Cluster.V3;
using Envoy.Config.Common.Matcher.V3;
using Envoy.Extensions.Upstreams.Http.V3;
using Envoy.Type.V3;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Translation.Shared;
using EnvoyDetection = Envoy.Config.Cluster.V3.OutlierDetection;
using OutlierDetection = MeshOperator.Mesh.Model.OutlierDetection;

namespace MeshOperator.Xds.Translation.Outbound;

/// <summary>Makes the detection of endpoints that fail.</summary>
internal static class OutlierBuilder
{
    /// <summary>With fewer endpoints in use than that, Envoy goes back to all.</summary>
    private const int PanicPercent = 50;

    private const uint Always = 100;

    /// <summary>gRPC leaves those alone of whose calls more than this failed.</summary>
    private const uint AlmostAll = 99;

    /// <summary>How many failures in a row make an endpoint unreachable. As few as leave a single one out: until it is ejected, the
    /// endpoint looks idle, and the retries of those that failed come to it again.</summary>
    private const uint UnreachableAfter = 2;

    private static readonly TimeSpan UnreachableLookEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan UnreachableFor = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan UnreachableAtMost = TimeSpan.FromSeconds(15);

    /// <summary>What counts as a failure of an endpoint that cannot be reached: what its proxy says when its application does not listen.
    /// What the application answers is no failure, nor is a full queue.</summary>
    public static HttpProtocolOptions.Types.OutlierDetection NotSentOnly { get; } =
        new()
        {
            ErrorMatcher = new MatchPredicate
            {
                HttpResponseHeadersMatch = new HttpHeadersMatch { Headers = { NotSent.UnreachedMatcher } },
            },
        };

    /// <summary>Ejects endpoints that cannot be reached: as requests to them fail quickly, the least loaded of two is often such a one, and
    /// retries alone would have to make up for many requests. At most half of them, unless something else takes the requests of
    /// the others.</summary>
    public static void Unreachable(Cluster cluster, bool all) =>
        cluster.OutlierDetection = new EnvoyDetection
        {
            Consecutive5Xx = UnreachableAfter,
            EnforcingConsecutive5Xx = Always,
            EnforcingSuccessRate = 0,
            SplitExternalLocalOriginErrors = true,
            ConsecutiveLocalOriginFailure = UnreachableAfter,
            EnforcingConsecutiveLocalOriginFailure = Always,
            EnforcingLocalOriginSuccessRate = 0,
            Interval = EnvoyMessages.Duration(UnreachableLookEvery),
            BaseEjectionTime = EnvoyMessages.Duration(UnreachableFor),
            MaxEjectionTime = EnvoyMessages.Duration(UnreachableAtMost),
            MaxEjectionPercent = all ? Always : PanicPercent,
        };

    /// <summary>Adds it to a cluster. One endpoint may always be ejected, as a share of a few endpoints would be none; but of a single
    /// one Envoy then has none left, and goes back to it.</summary>
    public static void Apply(OutlierDetection? outliers, Cluster cluster)
    {
        if (outliers is null)
            return;

        // Envoy enforces some kinds of detection unless disabled, and others only when enabled.
        var detection = Timed(outliers);
        detection.EnforcingConsecutive5Xx = outliers.Consecutive5xx > 0 ? Always : 0;
        detection.EnforcingSuccessRate = 0;
        detection.AlwaysEjectOneHost = true;
        if (outliers.Consecutive5xx > 0)
            detection.Consecutive5Xx = (uint)outliers.Consecutive5xx;
        if (outliers.ConsecutiveGatewayErrors > 0)
        {
            detection.ConsecutiveGatewayFailure = (uint)outliers.ConsecutiveGatewayErrors;
            detection.EnforcingConsecutiveGatewayFailure = Always;
        }

        cluster.OutlierDetection = detection;

        // Who lets more be ejected means it.
        if (100 - outliers.MaxEjectionPercent < PanicPercent)
            (cluster.CommonLbConfig ??= new()).HealthyPanicThreshold = new Percent { Value = 100 - outliers.MaxEjectionPercent };
    }

    /// <summary>The same for gRPC, which counts no failures in a row (gRFC A50): an endpoint is ejected when all of at least as many
    /// calls failed within an interval. Null without any.</summary>
    public static EnvoyDetection? Proxyless(OutlierDetection? outliers)
    {
        if (outliers is null)
            return null;
        var detection = Timed(outliers);
        var calls = new[] { outliers.Consecutive5xx, outliers.ConsecutiveGatewayErrors }.Where(count => count > 0).DefaultIfEmpty(1).Min();
        detection.EnforcingSuccessRate = 0;
        detection.FailurePercentageThreshold = AlmostAll;
        detection.EnforcingFailurePercentage = Always;
        detection.FailurePercentageMinimumHosts = 1;
        detection.FailurePercentageRequestVolume = (uint)calls;
        return detection;
    }

    private static EnvoyDetection Timed(OutlierDetection outliers) =>
        new()
        {
            Interval = EnvoyMessages.Duration(outliers.Interval),
            BaseEjectionTime = EnvoyMessages.Duration(outliers.BaseEjectionTime),
            MaxEjectionPercent = (uint)outliers.MaxEjectionPercent,
        };
}
