using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using MeshOperator.Kubernetes.Metrics;

namespace MeshOperator.Kubernetes.Tests;

/// <summary>What the runtime measures with one attribute, from now on.</summary>
internal sealed class Measurements : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly ConcurrentQueue<(string Name, double Value, Dictionary<string, object?> Tags)> _seen = new();
    private readonly (string Name, string Value) _only;

    public Measurements(string attribute, string value)
    {
        _only = (attribute, value);
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == KubernetesMetrics.MeterName)
                listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<int>((instrument, number, tags, _) => Take(instrument, number, tags));
        _listener.SetMeasurementEventCallback<long>((instrument, number, tags, _) => Take(instrument, number, tags));
        _listener.SetMeasurementEventCallback<double>((instrument, number, tags, _) => Take(instrument, number, tags));
        _listener.Start();
    }

    /// <summary>The present value of what is observed.</summary>
    public double Last(string name)
    {
        _listener.RecordObservableInstruments();
        return _seen.Last(s => s.Name == name).Value;
    }

    /// <summary>The sum of what was recorded, of all attributes or of one more.</summary>
    public double Sum(string name, string? attribute = null, string? value = null) =>
        _seen.Where(s => s.Name == name && (attribute is null || Equals(s.Tags.GetValueOrDefault(attribute), value))).Sum(s => s.Value);

    /// <summary>How often something was recorded.</summary>
    public int Count(string name) => _seen.Count(s => s.Name == name);

    public void Dispose() => _listener.Dispose();

    private void Take(Instrument instrument, double number, ReadOnlySpan<KeyValuePair<string, object?>> tags)
    {
        var all = new Dictionary<string, object?>(tags.ToArray());
        if (Equals(all.GetValueOrDefault(_only.Name), _only.Value))
            _seen.Enqueue((instrument.Name, number, all));
    }
}
