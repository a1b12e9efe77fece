namespace MeshOperator.Replicas;

/// <summary>What the other replicas say about the API server.</summary>
internal interface IPeerContacts
{
    /// <summary>Whether another replica says that it had an answer of the API server within that time.</summary>
    Task<bool> ReachApiServerAsync(TimeSpan within, CancellationToken cancellation);
}
