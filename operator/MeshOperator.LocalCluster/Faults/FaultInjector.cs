using System.Collections.Concurrent;
using System.Collections.Immutable;
using MeshOperator.LocalCluster.Protocol;

namespace MeshOperator.LocalCluster.Faults;

/// <summary>
/// Makes things go wrong when a test orders it: requests that are refused, delayed, reset or never answered, watches that end,
/// break, expire, fall silent or report something twice or too late, and webhooks that cannot be reached. Without an order it
/// does nothing. Thread-safe.
/// </summary>
public sealed class FaultInjector
{
    private readonly ConcurrentDictionary<OpenWatch, byte> _watches = new();
    private ImmutableArray<FaultOrder> _orders = [];

    internal FaultInjector() { }

    /// <summary>How many watches are open.</summary>
    public int OpenWatches => _watches.Count;

    internal bool IsActive => _orders.Length > 0;

    /// <summary>Orders a fault for requests and events to come.</summary>
    /// <param name="fault">What, and when.</param>
    /// <param name="random">The dice for <see cref="Fault.Probability"/>; needed only if that is below 1.</param>
    /// <returns>The order, which counts how often it fired.</returns>
    public FaultOrder Order(Fault fault, Random? random = null)
    {
        ArgumentNullException.ThrowIfNull(fault);
        if (fault.Probability < 1 && random is null)
            throw new ArgumentException("a probability below 1 needs dice", nameof(random));
        var order = new FaultOrder(this, fault, random ?? new Random(0));
        ImmutableInterlocked.Update(ref _orders, orders => orders.Add(order));
        return order;
    }

    /// <summary>Ends, resets, expires or silences, at once, the watches that are open and fit.</summary>
    /// <param name="fault">One of the faults that stop a watch; its Times and Probability do not count.</param>
    /// <returns>How many watches it struck.</returns>
    public int Strike(Fault fault)
    {
        ArgumentNullException.ThrowIfNull(fault);
        if (!StopsWatch(fault.Kind))
            throw new ArgumentException("only what stops a watch can strike those that are open", nameof(fault));
        var filter = new FaultOrder(this, fault, new Random(0));
        return _watches.Keys.Count(watch => filter.Fits(watch.Request) && watch.Strike(fault.Kind));
    }

    /// <summary>Takes all orders back; watches that were silenced stay silent.</summary>
    public void Clear() => ImmutableInterlocked.Update(ref _orders, _ => []);

    internal static bool StopsWatch(FaultKind kind) =>
        kind is FaultKind.EndWatch or FaultKind.ResetWatch or FaultKind.ExpireWatch or FaultKind.SilenceWatch;

    internal void Withdraw(FaultOrder order) => ImmutableInterlocked.Update(ref _orders, orders => orders.Remove(order));

    /// <summary>What goes wrong with a request; null for nothing.</summary>
    internal Fault? OnRequest(RequestAttributes request) =>
        Find(o => o.Fault.Kind is FaultKind.Answer or FaultKind.Delay or FaultKind.Reset or FaultKind.Silence && o.Fits(request));

    /// <summary>What goes wrong with an event of a watch; null for nothing.</summary>
    internal Fault? OnEvent(RequestAttributes watch) =>
        IsActive
            ? Find(o => (StopsWatch(o.Fault.Kind) || o.Fault.Kind is FaultKind.DuplicateEvent or FaultKind.OutdatedEvent) && o.Fits(watch))
            : null;

    /// <summary>Whether a webhook is not to be reached now.</summary>
    internal bool OnWebhook(string name) =>
        IsActive
        && Find(o => o.Fault.Kind == FaultKind.UnavailableWebhook && (o.Fault.Webhook is null || o.Fault.Webhook == name)) is not null;

    /// <summary>Notes that a watch is open, until it is disposed.</summary>
    internal OpenWatch Opened(RequestAttributes request)
    {
        var watch = new OpenWatch(this, request);
        _watches[watch] = 0;
        return watch;
    }

    internal void Closed(OpenWatch watch) => _watches.TryRemove(watch, out _);

    private Fault? Find(Func<FaultOrder, bool> fits)
    {
        foreach (var order in _orders)
            if (fits(order) && order.Fire())
                return order.Fault;
        return null;
    }
}
