namespace MeshOperator.Mesh.Verdicts;

/// <summary>What the translation found of a policy; whether proxies have applied it is known only later.</summary>
/// <param name="Generation">The generation that was examined.</param>
/// <param name="Accepted">Whether it is valid and not overruled.</param>
/// <param name="ResolvedRefs">Whether everything exists that it names.</param>
/// <param name="InEffect">Whether anything of it is in the model: of a policy with an invalid change the last valid version may be.</param>
public sealed record PolicyVerdict(long Generation, Finding Accepted, Finding ResolvedRefs, bool InEffect)
{
    /// <summary>Distinguishes the object that was examined from others that had or will have its name.</summary>
    public required string Uid { get; init; }

    /// <summary>Why no proxy has anything of it, though it is accepted; null when some may.</summary>
    public Finding? NoEffect { get; init; }
}

/// <summary>The outcome of one aspect, as a condition reports it.</summary>
/// <param name="Holds">Whether it is true.</param>
/// <param name="Reason">One of <see cref="Api.ConditionReasons"/>.</param>
/// <param name="Message">A sentence for the user.</param>
public sealed record Finding(bool Holds, string Reason, string Message)
{
    /// <summary>Whether it is not known yet.</summary>
    public bool IsUnknown { get; init; }
}
