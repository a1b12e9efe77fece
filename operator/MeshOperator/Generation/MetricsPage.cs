using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using MeshOperator.Authority;
using MeshOperator.Completions;
using MeshOperator.Injection;
using MeshOperator.Kubernetes.Metrics;
using MeshOperator.Pipeline;
using MeshOperator.Shifts;
using MeshOperator.Shifts.Announcing;
using MeshOperator.Shifts.Asking;
using MeshOperator.Xds;
using MeshOperator.Xds.Hosting;

namespace MeshOperator.Generation;

/// <summary><c>docs/reference/metrics.md</c>: what the operator measures, from the instruments that it makes, and which statistics sidecars
/// keep.</summary>
internal static class MetricsPage
{
    private const string Meters = "MeshOperator.";

    public static string Create()
    {
        var page = new Markdown("Metrics", "the instruments that the program creates");
        page.Heading(2, "Operator")
            .Paragraph(
                "The operator serves them in Prometheus' format at `/metrics` on port 8080. "
                    + "Histograms have the suffixes `_bucket`, `_sum` and `_count`. Durations are in seconds."
            );
        page.Table(["Metric", "Kind", "Meaning"], Instruments().OrderBy(i => i.Name, StringComparer.Ordinal).Select(Row));
        page.Heading(2, "Sidecars")
            .Paragraph(
                "Each sidecar serves Envoy's statistics in Prometheus' format at `/stats/prometheus` on port 15090 "
                    + "(the pod's port `mesh-metrics`). "
                    + "Prometheus' names are Envoy's with `envoy_` in front and underscores for dots; tags become labels."
            );
        page.Heading(3, "Labels")
            .Table(["Label", "Value"], StatisticsTags.Labels.Select(label => (string[])[Markdown.Code(label.Name), label.Meaning]));
        page.Heading(3, "Statistics kept by default")
            .Paragraph(
                "A sidecar keeps the statistics whose Envoy name fits one of these. The annotation `meshoperator.io/proxy-statistics` "
                    + "or the "
                    + "chart value `proxy.statistics` keeps more, at some 270 bytes each; `*` keeps all. "
                    + "The statistics of a service's traffic appear with its first connection."
            );
        page.Table(["Name", "Fits"], StatisticsSelection.Kept.Select(kept => (string[])[Markdown.Code(kept.Pattern), kept.How]));
        return page.ToString();
    }

    /// <summary>The name as Prometheus reads it, by the rules of OpenTelemetry's exporter.</summary>
    internal static string PrometheusName(Instrument instrument)
    {
        var name = instrument.Name.Replace('.', '_');
        if (instrument.Unit == "s")
            name += "_seconds";
        return Kind(instrument) == "counter" ? $"{name}_total" : name;
    }

    internal static IReadOnlyList<Instrument> Instruments()
    {
        var services = new ServiceCollection().AddMetrics().AddLogging();
        services.AddXdsServer();
        using var provider = services.BuildServiceProvider();
        var factory = provider.GetRequiredService<IMeterFactory>();
        var found = new List<Instrument>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, _) =>
        {
            if (!instrument.Meter.Name.StartsWith(Meters, StringComparison.Ordinal))
                return;
            lock (found)
            {
                if (found.TrueForAll(i => i.Name != instrument.Name))
                    found.Add(instrument);
            }
        };
        listener.Start();
        RuntimeHelpers.RunClassConstructor(typeof(KubernetesMetrics).TypeHandle);
        var ofXds = services.Select(s => s.ServiceType).Where(t => t.Assembly == typeof(XdsServiceCollectionExtensions).Assembly);
        foreach (var type in ofXds.Where(t => t.Name.EndsWith("Metrics", StringComparison.Ordinal)))
            provider.GetRequiredService(type);
        _ = new ShiftMetrics(factory);
        _ = new PipelineMetrics(factory);
        _ = new CheckMetrics(factory);
        _ = new CompletionMetrics(factory);
        _ = new AnnouncementMetrics(factory);
        // Its instruments are only made: nothing is measured.
        new AuthorityMetrics(null!, null!, null!, factory)
            .StartAsync(CancellationToken.None)
            .GetAwaiter()
            .GetResult();
        return found;
    }

    private static string[] Row(Instrument instrument) =>
        [Markdown.Code(PrometheusName(instrument)), Kind(instrument), Markdown.Prose(instrument.Description ?? string.Empty)];

    private static string Kind(Instrument instrument) =>
        instrument.GetType().Name.Split('`')[0] switch
        {
            "Counter" or "ObservableCounter" => "counter",
            "Histogram" => "histogram",
            _ => "gauge",
        };
}
