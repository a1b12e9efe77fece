using MeshOperator.LocalCluster.Protocol;

namespace MeshOperator.LocalCluster.Faults;

/// <summary>A fault that was ordered; disposing it takes the order back.</summary>
public sealed class FaultOrder : IDisposable
{
    private readonly FaultInjector _injector;
    private readonly Random _random;
    private int _fired;

    internal FaultOrder(FaultInjector injector, Fault fault, Random random) => (_injector, Fault, _random) = (injector, fault, random);

    /// <summary>What was ordered.</summary>
    public Fault Fault { get; }

    /// <summary>How often it has gone wrong.</summary>
    public int Fired => Volatile.Read(ref _fired);

    /// <inheritdoc/>
    public void Dispose() => _injector.Withdraw(this);

    internal bool Fits(RequestAttributes request) =>
        (Fault.Verbs.Count == 0 || Fault.Verbs.Contains(request.Verb))
        && (Fault.Resource is null || Fault.Resource == request.QualifiedResource)
        && (Fault.Namespace is null || Fault.Namespace == request.Namespace)
        && (!Fault.ContinuedListsOnly || request.IsContinued);

    /// <summary>Throws the dice; true when it goes wrong this time.</summary>
    internal bool Fire()
    {
        lock (_random)
        {
            if (_fired >= Fault.Times || (Fault.Probability < 1 && _random.NextDouble() >= Fault.Probability))
                return false;
            _fired++;
        }

        if (_fired >= Fault.Times)
            _injector.Withdraw(this);
        return true;
    }
}
