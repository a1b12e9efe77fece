namespace MeshOperator.Api.Policies;

/// <summary>What a condition on requests means where it leaves something out.</summary>
internal static class RequestMatchDefaults
{
    /// <summary>How paths are compared.</summary>
    public const PathMatchType PathType = PathMatchType.Prefix;

    /// <summary>How values of headers and query parameters are compared.</summary>
    public const ValueMatchType ValueType = ValueMatchType.Exact;
}
