using System.Diagnostics.Metrics;

namespace MeshOperator.Completions;

/// <summary>Measurements of orders to proxies to end.</summary>
internal sealed class CompletionMetrics(IMeterFactory meters)
{
    private readonly Counter<long> _orders = meters
        .Create("MeshOperator.Completions")
        .CreateCounter<long>(
            "meshoperator.completion.orders",
            null,
            "Orders to proxies to end, because all other containers of their pods have ended, by outcome: Ended, Failed (it is repeated) "
                + "or GivenUp."
        );

    /// <summary>Counts an order.</summary>
    public void Count(CompletionOutcome outcome) => _orders.Add(1, new KeyValuePair<string, object?>("outcome", outcome.ToString()));
}

/// <summary>What came of an order.</summary>
internal enum CompletionOutcome
{
    /// <summary>The proxy has ended.</summary>
    Ended,

    /// <summary>It is repeated.</summary>
    Failed,

    /// <summary>It failed so often that it is not repeated.</summary>
    GivenUp,
}
