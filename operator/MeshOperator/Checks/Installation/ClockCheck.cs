using System.Globalization;

namespace MeshOperator.Checks.Installation;

/// <summary>Whether the API server's clock agrees with this machine's.</summary>
internal static class ClockCheck
{
    private static readonly TimeSpan Tolerated = TimeSpan.FromMinutes(2);

    /// <param name="difference">How far the API server's clock is ahead.</param>
    public static Finding Find(TimeSpan difference)
    {
        var seconds = Math.Abs(difference.TotalSeconds).ToString("0", CultureInfo.InvariantCulture);
        return difference.Duration() <= Tolerated
            ? Finding.Ok(CheckNames.Clocks, $"the API server's clock differs from this machine's by {seconds} s")
            : Finding.Warning(
                CheckNames.Clocks,
                $"the API server's clock is {seconds} s {(difference > TimeSpan.Zero ? "ahead of" : "behind")} this machine's, and "
                    + "certificates are valid by the clock; synchronise both with NTP"
            );
    }
}
