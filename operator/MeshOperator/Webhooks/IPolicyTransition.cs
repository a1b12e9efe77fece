namespace MeshOperator.Webhooks;

/// <summary>What may become of a policy.</summary>
/// <typeparam name="TSpec">Its spec's type.</typeparam>
internal interface IPolicyTransition<in TSpec>
    where TSpec : class
{
    /// <summary>Why a change is refused; null when it is not.</summary>
    string? FindRefusal(TSpec before, TSpec after);
}
