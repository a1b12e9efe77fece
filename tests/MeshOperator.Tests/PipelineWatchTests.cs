using MeshOperator.Pipeline;
using Microsoft.Extensions.Time.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests;

public sealed class PipelineWatchTests
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));

    [Fact]
    public void Pipeline_is_stuck_when_a_round_does_not_end_for_two_minutes()
    {
        var watch = new PipelineWatch(_time);
        _time.Advance(TimeSpan.FromHours(1));
        watch.IsStuck.ShouldBeFalse();

        watch.Begin();
        _time.Advance(TimeSpan.FromMinutes(2));
        watch.IsStuck.ShouldBeFalse();
        _time.Advance(TimeSpan.FromSeconds(1));
        watch.IsStuck.ShouldBeTrue();

        watch.End();
        watch.IsStuck.ShouldBeFalse();
    }
}
