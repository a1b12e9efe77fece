using Shouldly;
using Xunit;

namespace MeshOperator.Api.Tests;

public sealed class MeshDurationTests
{
    [Theory]
    [InlineData("1h2m3s4ms", 3723004)]
    [InlineData("250ms", 250)]
    [InlineData("0s", 0)]
    public void Durations_are_read_as_in_the_gateway_api(string text, double milliseconds)
    {
        MeshDuration.TryParse(text, out var duration).ShouldBeTrue();
        duration.TotalMilliseconds.ShouldBe(milliseconds);
    }

    [Theory]
    [InlineData("1.5s")]
    [InlineData("-1s")]
    [InlineData("1")]
    [InlineData("")]
    [InlineData("1d")]
    [InlineData("123456s")]
    public void What_is_no_duration_is_refused(string text) => MeshDuration.TryParse(text, out _).ShouldBeFalse();
}
