namespace MeshOperator.Certificates.Rotation;

/// <summary>How many proxies have what the phase of a rotation is to give them.</summary>
/// <param name="Done">Those that have it.</param>
/// <param name="Total">All proxies of the mesh.</param>
/// <param name="Held">Why it cannot go on: proxies, and replicas of the operator, that are not as far.</param>
public sealed record RotationProgress(int Done, int Total, IReadOnlyList<RotationHold> Held)
{
    /// <summary>Whether the next step can be taken.</summary>
    public bool IsComplete => Done == Total && Held.Count == 0;
}

/// <summary>Somebody who holds a rotation up.</summary>
/// <param name="Who">A proxy, <c>pod.namespace</c>, or a replica of the operator.</param>
/// <param name="Reason">What is missing, as the rest of a sentence.</param>
public sealed record RotationHold(string Who, string Reason);
