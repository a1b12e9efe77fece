using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Statuses;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests;

public sealed class ProxyTurnoverTests
{
    private static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
    private static readonly PolicyKey Policy = new("TrafficSplit", "shop", "web");
    private readonly ProxyTurnover _turnover = new(settles: TimeSpan.FromSeconds(5), longest: TimeSpan.FromMinutes(1));

    [Fact]
    public void Numbers_of_proxies_are_written_once_they_have_been_the_same_for_a_while()
    {
        Due(targeted: 2, second: 0).ShouldBe(5);
        Due(targeted: 3, second: 4).ShouldBe(9);
        Due(targeted: 3, second: 8).ShouldBe(9);
    }

    [Fact]
    public void Proxies_that_come_and_go_without_end_do_not_keep_their_number_from_being_written()
    {
        for (var second = 0; second < 58; second++)
            Due(targeted: second, second);
        Due(targeted: 100, second: 59).ShouldBe(60);
    }

    [Fact]
    public void A_status_that_has_the_numbers_ends_the_turnover()
    {
        Due(targeted: 2, second: 0);
        _turnover.End(Policy);
        Due(targeted: 2, second: 50).ShouldBe(55);
    }

    private double Due(int targeted, int second) =>
        (_turnover.DueAt(Policy, new ProxyCounts { Targeted = targeted }, Start.AddSeconds(second)) - Start).TotalSeconds;
}
