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

    [Fact]
    public void A_replica_whose_address_another_one_has_since_is_gone()
    {
        var time = new FakeTimeProvider(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        var ages = new ReplicaAges(time);
        V1Lease Report(string holder, string? address) =>
            new()
            {
                Metadata = new V1ObjectMeta
                {
                    Name = holder,
                    Annotations = address is null ? null : new Dictionary<string, string> { [ReplicaLeases.AddressAnnotation] = address },
                },
                Spec = new V1LeaseSpec { HolderIdentity = holder, RenewTime = time.GetUtcNow().UtcDateTime },
            };
        V1Lease[] before = [Report("killed", "10.0.0.1:15013"), Report("stays", "10.0.0.2:15013"), Report("was-here", "10.0.0.3:15013")];
        ages.FindOthers(before, "self").Select(l => l.Spec.HolderIdentity).ShouldBe(["killed", "stays", "was-here"], ignoreOrder: true);

        time.Advance(TimeSpan.FromSeconds(10));
        V1Lease[] after =
        [
            .. before,
            Report("restarted", "10.0.0.1:15013"),
            Report("self", "10.0.0.3:15013"),
            Report("says-nothing", null),
            Report("says-nothing-either", null),
        ];
        ages.FindOthers(after, "self")
            .Select(l => l.Spec.HolderIdentity)
            .ShouldBe(["restarted", "stays", "says-nothing", "says-nothing-either"], ignoreOrder: true);
    }
}
