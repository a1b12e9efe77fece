using OpenTelemetry.Metrics;

namespace MeshOperator.Composition;

/// <summary>The operator's own metrics, as Prometheus reads them.</summary>
internal static class MetricsEndpoint
{
    /// <summary>How many series a counter or histogram has at most. None has one for each object, and memory is set aside for as many.
    /// </summary>
    private const int SeriesOfCounters = 200;

    /// <summary>Adds all meters of the operator and their exporter.</summary>
    public static void AddMetricsEndpoint(this IServiceCollection services) =>
        services
            .AddOpenTelemetry()
            .WithMetrics(metrics =>
                metrics
                    .AddMeter("MeshOperator.*")
                    .AddView(instrument =>
                        instrument.IsObservable ? null : new MetricStreamConfiguration { CardinalityLimit = SeriesOfCounters }
                    )
                    .AddPrometheusExporter()
            );
}
