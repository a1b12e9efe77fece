namespace MeshOperator.Api.Policies;

/// <summary>What a TrafficSplit means where it leaves something out.</summary>
public static class TrafficSplitDefaults
{
    /// <summary>A backend's share, relative to the sum of the weights.</summary>
    public const int Weight = 1;

    /// <summary>How many of the requests are mirrored, delayed or aborted, in percent.</summary>
    public const double Percent = 100;

    /// <summary>A missing backend fails its own share of the requests.</summary>
    public const OnMissingBackend OnMissingBackend = Policies.OnMissingBackend.Fail;
}
