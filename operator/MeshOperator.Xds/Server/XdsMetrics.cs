using System.Diagnostics.Metrics;
using MeshOperator.Xds.Resources;

namespace MeshOperator.Xds.Server;

/// <summary>The measurements of this project.</summary>
internal sealed class XdsMetrics
{
    /// <summary>The name of the meter.</summary>
    public const string MeterName = "MeshOperator.Xds";

    private readonly UpDownCounter<int> _streams;
    private readonly UpDownCounter<int> _waiting;
    private readonly Counter<long> _pushes;
    private readonly Counter<long> _resources;
    private readonly Counter<long> _acknowledgements;
    private readonly Counter<long> _rejections;
    private readonly Counter<long> _refused;
    private readonly Histogram<double> _latency;

    public XdsMetrics(IMeterFactory meters)
    {
        var meter = meters.Create(MeterName);
        _streams = meter.CreateUpDownCounter<int>("meshoperator.xds.streams", "{stream}", "ADS streams that are open.");
        _waiting = meter.CreateUpDownCounter<int>(
            "meshoperator.xds.waiting_streams",
            "{stream}",
            "Streams that wait until it is known whether their client is let in. Above --max-waiting-streams others are refused."
        );
        _pushes = meter.CreateCounter<long>("meshoperator.xds.pushes", "{response}", "Responses sent, by type.");
        _resources = meter.CreateCounter<long>("meshoperator.xds.resources", "{resource}", "Resources sent, by type.");
        _acknowledgements = meter.CreateCounter<long>(
            "meshoperator.xds.acks",
            "{response}",
            "Responses that proxies acknowledged, by type."
        );
        _rejections = meter.CreateCounter<long>("meshoperator.xds.nacks", "{response}", "Responses that proxies rejected, by type.");
        _refused = meter.CreateCounter<long>(
            "meshoperator.xds.refused",
            "{stream}",
            "Streams that were refused, or ended because of what the client did, by reason."
        );
        _latency = meter.CreateHistogram<double>(
            "meshoperator.xds.push.duration",
            "s",
            "From sending a response to its acknowledgement, by type.",
            advice: new InstrumentAdvice<double>
            {
                HistogramBucketBoundaries = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
            }
        );
    }

    public void StreamOpened() => _streams.Add(1);

    public void StreamClosed() => _streams.Add(-1);

    public void WaitBegun() => _waiting.Add(1);

    public void WaitEnded() => _waiting.Add(-1);

    public void Refused(RefusalReason reason) => _refused.Add(1, new KeyValuePair<string, object?>("reason", reason.Label()));

    public void Pushed(ResourceType type, int resources)
    {
        _pushes.Add(1, Tag(type));
        _resources.Add(resources, Tag(type));
    }

    public void Answered(ResourceType type, TimeSpan elapsed, bool rejected)
    {
        (rejected ? _rejections : _acknowledgements).Add(1, Tag(type));
        _latency.Record(elapsed.TotalSeconds, Tag(type));
    }

    private static KeyValuePair<string, object?> Tag(ResourceType type) => new("type", type.ShortName());
}
