using System.Diagnostics.Metrics;

namespace MeshOperator.Kubernetes.Metrics;

/// <summary>What the runtime measures. One meter for the process, as informers and queues may be made before or without the services;
/// their attributes distinguish them.</summary>
public static class KubernetesMetrics
{
    /// <summary>The meter's name.</summary>
    public const string MeterName = "MeshOperator.Kubernetes";

    private static readonly double[] Fast = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];
    private static readonly double[] Slow = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120];
    private static readonly Meter Meter = new(MeterName);

    internal static readonly Counter<long> QueueAdds = Meter.CreateCounter<long>(
        "meshoperator.workqueue.adds",
        "{key}",
        "Keys added to a work queue, except those that already waited in it."
    );

    internal static readonly Counter<long> QueueRetries = Meter.CreateCounter<long>(
        "meshoperator.workqueue.retries",
        "{key}",
        "Keys added to a work queue again after a failure."
    );

    internal static readonly Histogram<double> QueueDuration = Durations(
        "meshoperator.workqueue.queue.duration",
        "How long a key waits in a work queue until a worker takes it.",
        Slow
    );

    internal static readonly Histogram<double> WorkDuration = Durations(
        "meshoperator.workqueue.work.duration",
        "How long a worker processes a key.",
        Slow
    );

    internal static readonly Counter<long> Reconciles = Meter.CreateCounter<long>(
        "meshoperator.reconciles",
        "{reconcile}",
        "Reconciliations, by controller and outcome."
    );

    internal static readonly Histogram<double> ReconcileDuration = Durations(
        "meshoperator.reconcile.duration",
        "How long a reconciliation takes.",
        Slow
    );

    internal static readonly Counter<long> WatchEvents = Meter.CreateCounter<long>(
        "meshoperator.watch.events",
        "{event}",
        "Watch events, by resource and type. Outdated events have the type STALE."
    );

    internal static readonly Counter<long> WatchReconnects = Meter.CreateCounter<long>(
        "meshoperator.watch.reconnects",
        "{watch}",
        "Watches that ended and were opened again, by resource and reason."
    );

    internal static readonly Histogram<double> ListDuration = Durations(
        "meshoperator.list.duration",
        "How long a complete list takes, with all its pages.",
        Slow
    );

    internal static readonly Histogram<double> WebhookDuration = Durations(
        "meshoperator.webhook.duration",
        "How long an admission webhook takes to answer, by path and outcome.",
        Fast
    );

    internal static readonly Counter<long> ApiRequests = Meter.CreateCounter<long>(
        "meshoperator.api.requests",
        "{request}",
        "Requests sent to the API server, each attempt, by verb and status code."
    );

    internal static readonly Counter<long> EventsDropped = Meter.CreateCounter<long>(
        "meshoperator.events.dropped",
        "{event}",
        "Kubernetes Events not written because their object had too many."
    );

    /// <summary>Keys that wait in each work queue with a name.</summary>
    internal static readonly ObservedValues QueueDepths = new();

    /// <summary>1 for each election that this replica leads, else 0.</summary>
    internal static readonly ObservedValues Leaders = new();

    /// <summary>The state of the circuit breaker before the API server: 0 closed, 1 half open, 2 open.</summary>
    internal static readonly ObservedValues Circuits = new();

    static KubernetesMetrics()
    {
        Meter.CreateObservableUpDownCounter("meshoperator.workqueue.depth", QueueDepths.Read, "{key}", "Keys that wait in a work queue.");
        Meter.CreateObservableGauge("meshoperator.leader", Leaders.Read, null, "Whether this replica leads (1) or not (0).");
        Meter.CreateObservableGauge(
            "meshoperator.api.circuit.state",
            Circuits.Read,
            null,
            "The circuit breaker before the API server: 0 closed, 1 half open, 2 open."
        );
    }

    private static Histogram<double> Durations(string name, string description, double[] bounds) =>
        Meter.CreateHistogram(name, "s", description, advice: new InstrumentAdvice<double> { HistogramBucketBoundaries = bounds });
}
