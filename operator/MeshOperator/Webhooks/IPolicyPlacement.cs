namespace MeshOperator.Webhooks;

/// <summary>What a policy may be in its namespace.</summary>
/// <typeparam name="TSpec">Its spec's type.</typeparam>
internal interface IPolicyPlacement<in TSpec>
    where TSpec : class
{
    /// <summary>Why a policy is refused in a namespace; null when it is not.</summary>
    string? FindRefusal(TSpec spec, string ns);
}
