namespace MeshOperator.Webhooks;

/// <summary>What the author of a valid policy is warned of at admission.</summary>
/// <typeparam name="TSpec">The policy's spec.</typeparam>
internal interface IPolicyWarnings<in TSpec>
{
    /// <summary>The warnings, as sentences.</summary>
    /// <param name="spec">A valid spec.</param>
    /// <param name="ns">The policy's namespace.</param>
    IEnumerable<string> Find(TSpec spec, string ns);
}
