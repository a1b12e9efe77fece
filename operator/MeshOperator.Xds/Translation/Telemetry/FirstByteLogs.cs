using Envoy.Config.Accesslog.V3;
using Envoy.Extensions.AccessLoggers.Filters.Cel.V3;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Translation.Shared;
using StatsLog = Envoy.Extensions.AccessLoggers.Stats.V3.Config;

namespace MeshOperator.Xds.Translation.Telemetry;

/// <summary>Measures when the bodies of responses begin, for checks of gradual shifts: access logs that write into a histogram. Envoy has
/// no histogram of it by itself.</summary>
internal static class FirstByteLogs
{
    /// <summary>Those of a service port: one for each backend of a shift that has such a check, before and after it, too: a listener that
    /// changes ends long requests.</summary>
    public static IReadOnlyList<AccessLog> ForPort(MeshServicePort port) =>
        port.IsHeadless
            ? []
            :
            [
                .. port
                    .Routes.Where(route => route is { MeasuresFirstByte: true, Shift: not null })
                    .SelectMany(route => route.Backends.Select(backend => (backend.Target, route.Shift)))
                    .Where(counted => counted.Target is not null)
                    .Distinct()
                    .Select(counted => ForCluster(counted.Target!, counted.Shift!)),
            ];

    private static AccessLog ForCluster(BackendTarget target, ShiftName shift) =>
        new()
        {
            Name = "envoy.access_loggers.stats",
            Filter = new AccessLogFilter
            {
                ExtensionFilter = new ExtensionFilter
                {
                    Name = "envoy.access_loggers.extension_filters.cel",
                    TypedConfig = EnvoyMessages.Pack(
                        // Envoy logs an error for a request of which the time is not known, as without a body.
                        new ExpressionFilter { Expression = $"xds.cluster_name == '{Names.Shift(target, shift)}' && response.size > 0" }
                    ),
                },
            },
            TypedConfig = EnvoyMessages.Pack(
                new StatsLog
                {
                    StatsScope = new() { Prefix = $"cluster.{Names.ShiftStat(target, shift)}", MaxHistograms = 1 },
                    Histograms =
                    {
                        new StatsLog.Types.Histogram
                        {
                            Stat = new() { Name = Names.FirstByteStat },
                            Unit = StatsLog.Types.Histogram.Types.Unit.Milliseconds,
                            // Of calls in both directions a response can begin before the request has ended.
                            ValueFormat = "%COMMON_DURATION(US_TX_BEG:US_RX_BODY_BEG:ms)%",
                        },
                    },
                }
            ),
        };
}
