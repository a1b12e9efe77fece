namespace MeshOperator.Api.Policies;

/// <summary>What a gradual shift means where it leaves something out.</summary>
public static class GradualShiftDefaults
{
    /// <summary>How long a step lasts at least.</summary>
    public const string Hold = "5m";

    /// <summary>Steps follow each other by themselves.</summary>
    public const ShiftApproval Approval = ShiftApproval.Automatic;

    /// <summary>A failed check takes the traffic back.</summary>
    public const OnShiftFailure OnFailure = OnShiftFailure.Rollback;

    /// <summary>The percentile of latencies that is compared.</summary>
    public const double Percentile = 99;

    /// <summary>What of a request is measured.</summary>
    public const LatencyPart LatencyOf = LatencyPart.Response;

    /// <summary>Proxies measure whole milliseconds; of fewer than these there are too few digits.</summary>
    public const string IgnoreBelow = "10ms";

    /// <summary>As many endpoints as the target's share needs.</summary>
    public const double CapacityRatio = 1;

    /// <summary>How many requests the target must have got in a step.</summary>
    public const int RequestsPerStep = 500;

    /// <summary>How long a step waits for them, beyond its hold.</summary>
    public const string Timeout = "30m";

    /// <summary>The time zone of windows.</summary>
    public const string TimeZone = "UTC";

    /// <summary>How much traffic checks need.</summary>
    public static ShiftRequirement ResolveRequirement(GradualShift shift) => shift.Require ?? new ShiftRequirement();
}
