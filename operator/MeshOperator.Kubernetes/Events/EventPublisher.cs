using System.Net;
using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Metrics;

namespace MeshOperator.Kubernetes.Events;

/// <summary>Writes Kubernetes Events, which <c>kubectl describe</c> shows with the object. What is said again within ten minutes raises
/// the count of the event that is there; an object that has too much said of it has the rest dropped.</summary>
public sealed class EventPublisher(EntityClient<Corev1Event> events, TimeProvider time)
{
    /// <summary>The longest note that the API server takes.</summary>
    private const int LongestMessage = 1024;

    /// <summary>A name has at most 253 characters.</summary>
    private const int LongestPrefix = 220;

    private const int MostRemembered = 4096;

    /// <summary>New events of one object that may come at once; one more for every <see cref="RefillEvery"/> after that.</summary>
    private const int Burst = 25;

    private static readonly TimeSpan RefillEvery = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan SameWithin = TimeSpan.FromMinutes(10);
    private readonly Recent<EventSeries> _series = new(MostRemembered);
    private readonly Recent<Allowance> _allowances = new(MostRemembered);

    /// <summary>Writes an event about an object.</summary>
    /// <param name="about">The object.</param>
    /// <param name="isWarning">Whether something is wrong.</param>
    /// <param name="reason">One word.</param>
    /// <param name="message">A sentence; cut at 1,024 characters.</param>
    /// <param name="cancellation">Ends the wait.</param>
    public async Task PublishAsync(
        IKubernetesObject<V1ObjectMeta> about,
        bool isWarning,
        string reason,
        string message,
        CancellationToken cancellation
    )
    {
        if (message.Length > LongestMessage)
            message = message[..(LongestMessage - 1)] + "…";
        var type = isWarning ? "Warning" : "Normal";
        var owner = $"{about.ApiVersion}/{about.Kind}/{about.Metadata.NamespaceProperty}/{about.Metadata.Name}/{about.Metadata.Uid}";
        var series = _series.GetOrAdd($"{owner}\n{type}\n{reason}\n{message}", () => new EventSeries());
        // One at a time for each series, so that none is written twice.
        await series.Turn.WaitAsync(cancellation);
        try
        {
            var now = time.GetUtcNow();
            if (
                series.Written is { } before
                && now - series.LastAt < SameWithin
                && await RaiseAsync(before, series.Count + 1, now, cancellation)
            )
            {
                series.Count++;
                series.LastAt = now;
                return;
            }

            if (!_allowances.GetOrAdd(owner, () => new Allowance(now)).TryTake(now))
            {
                KubernetesMetrics.EventsDropped.Add(1, new KeyValuePair<string, object?>("kind", about.Kind));
                return;
            }

            var created = await events.CreateAsync(Make(about, type, reason, message, now), cancellation);
            (series.Written, series.Count, series.LastAt) = (ObjectKey.From(created), 1, now);
        }
        finally
        {
            series.Turn.Release();
        }
    }

    /// <summary>False when the event is gone.</summary>
    private async Task<bool> RaiseAsync(ObjectKey key, int count, DateTimeOffset now, CancellationToken cancellation)
    {
        try
        {
            await events.MergePatchAsync(
                key,
                new JsonObject
                {
                    ["count"] = count,
                    ["lastTimestamp"] = now.UtcDateTime.ToString(
                        "yyyy-MM-dd'T'HH:mm:ss'Z'",
                        System.Globalization.CultureInfo.InvariantCulture
                    ),
                },
                cancellation
            );
            return true;
        }
        catch (KubernetesApiException e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            return false;
        }
    }

    /// <summary>As kubectl and others name events: the object's name, a dot, and something of its own.</summary>
    private static string NameFor(string name) =>
        $"{(name.Length <= LongestPrefix ? name : name[..LongestPrefix].TrimEnd('.', '-'))}.{Guid.NewGuid():N}";

    private static Corev1Event Make(
        IKubernetesObject<V1ObjectMeta> about,
        string type,
        string reason,
        string message,
        DateTimeOffset now
    ) =>
        new()
        {
            // Not generateName: API servers differ on whether it may end with a dot.
            Metadata = new V1ObjectMeta
            {
                Name = NameFor(about.Metadata.Name),
                NamespaceProperty = about.Metadata.NamespaceProperty ?? "default",
            },
            InvolvedObject = new V1ObjectReference
            {
                ApiVersion = about.ApiVersion,
                Kind = about.Kind,
                Name = about.Metadata.Name,
                NamespaceProperty = about.Metadata.NamespaceProperty,
                Uid = about.Metadata.Uid,
                ResourceVersion = about.Metadata.ResourceVersion,
            },
            Type = type,
            Reason = reason,
            Message = message,
            FirstTimestamp = now.UtcDateTime,
            LastTimestamp = now.UtcDateTime,
            Count = 1,
            Source = new V1EventSource { Component = "mesh-operator" },
            ReportingComponent = "meshoperator.io/operator",
            ReportingInstance = Environment.MachineName,
        };

    /// <summary>An event that is there and may be raised.</summary>
    private sealed class EventSeries
    {
        public SemaphoreSlim Turn { get; } = new(1);

        public ObjectKey? Written { get; set; }

        public int Count { get; set; }

        public DateTimeOffset LastAt { get; set; }
    }

    /// <summary>A token bucket.</summary>
    private sealed class Allowance(DateTimeOffset now)
    {
        private readonly Lock _lock = new();
        private double _tokens = Burst;
        private DateTimeOffset _at = now;

        public bool TryTake(DateTimeOffset now)
        {
            lock (_lock)
            {
                if (now > _at)
                    (_tokens, _at) = (Math.Min(Burst, _tokens + ((now - _at) / RefillEvery)), now);
                if (_tokens < 1)
                    return false;
                _tokens--;
                return true;
            }
        }
    }

    /// <summary>Values by name; those used longest ago are forgotten when there are too many.</summary>
    private sealed class Recent<TValue>(int most)
    {
        private readonly Lock _lock = new();
        private readonly Dictionary<string, LinkedListNode<(string Name, TValue Value)>> _nodes = [];
        private readonly LinkedList<(string Name, TValue Value)> _order = [];

        public TValue GetOrAdd(string name, Func<TValue> make)
        {
            lock (_lock)
            {
                if (_nodes.TryGetValue(name, out var node))
                {
                    _order.Remove(node);
                }
                else
                {
                    node = new LinkedListNode<(string, TValue)>((name, make()));
                    _nodes[name] = node;
                    if (_nodes.Count > most)
                    {
                        _nodes.Remove(_order.First!.Value.Name);
                        _order.RemoveFirst();
                    }
                }

                _order.AddLast(node);
                return node.Value.Value;
            }
        }
    }
}
