using k8s.Models;
using MeshOperator.Replicas;
using Microsoft.Extensions.Time.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests;

public sealed class ReplicaAgesTests
{
    [Theory]
    [InlineData(-60)]
    [InlineData(0)]
    [InlineData(60)]
    public void A_replica_lives_while_it_renews_its_report_whatever_its_clock_says(int minutesAhead)
    {
        var time = new FakeTimeProvider(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        var ages = new ReplicaAges(time);
        V1Lease Report() =>
            new()
            {
                Metadata = new V1ObjectMeta { Name = "replica" },
                Spec = new V1LeaseSpec { RenewTime = time.GetUtcNow().AddMinutes(minutesAhead).UtcDateTime },
            };
        var report = Report();
        for (var i = 0; i < 10; i++)
        {
            ages.IsFresh(report).ShouldBeTrue();
            time.Advance(TimeSpan.FromSeconds(30));
            report = Report();
            ages.See([report]);
        }

        time.Advance(TimeSpan.FromMinutes(1));
        (ages.IsFresh(report), ages.IsOld(report)).ShouldBe((false, false));
        time.Advance(TimeSpan.FromMinutes(10));
        ages.IsOld(report).ShouldBeTrue();
    }
}
