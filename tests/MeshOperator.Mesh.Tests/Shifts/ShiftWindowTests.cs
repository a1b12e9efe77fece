using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Shifts;
using Shouldly;
using Xunit;

namespace MeshOperator.Mesh.Tests.Shifts;

public sealed class ShiftWindowTests
{
    private static readonly ShiftWindow Office = new()
    {
        Cron = "0 8 * * 1-5",
        Duration = "8h",
        TimeZone = "Europe/Berlin",
    };

    [Theory]
    [InlineData("2026-12-01T07:00:00Z", true)]
    [InlineData("2026-12-01T06:59:59Z", false)]
    [InlineData("2026-12-01T14:59:59Z", true)]
    [InlineData("2026-12-01T15:00:00Z", false)]
    [InlineData("2026-12-05T10:00:00Z", false)]
    [InlineData("2026-07-01T06:00:00Z", true)]
    [InlineData("2026-07-01T05:59:59Z", false)]
    public void Window_is_open_for_its_duration_in_its_time_zone(string now, bool isOpen) =>
        (ShiftWindows.FindBlock([Office], DateTimeOffset.Parse(now, System.Globalization.CultureInfo.InvariantCulture)) is null).ShouldBe(
            isOpen
        );

    [Fact]
    public void Closed_window_says_when_it_opens() =>
        ShiftWindows
            .FindBlock([Office], new DateTimeOffset(2026, 12, 4, 20, 0, 0, TimeSpan.Zero))
            .ShouldBe("no window is open before 2026-12-07 07:00 UTC");

    [Fact]
    public void Without_windows_steps_begin_at_any_time() => ShiftWindows.FindBlock([], DateTimeOffset.UnixEpoch).ShouldBeNull();
}
