using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation;
using MeshOperator.Mesh.Translation.Quarantining;
using Shouldly;
using Xunit;

namespace MeshOperator.Mesh.Tests;

public sealed class QuarantineTests
{
    private static readonly ObjectName Web = new("shop", "web");

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 40)];

    [Theory]
    [MemberData(nameof(Seeds))]
    public void Objects_on_which_a_translation_fails_are_found_and_no_others(int seed)
    {
#pragma warning disable CA5394 // The seed makes the case.
        var random = new Random(seed);
        var snapshot = Snapshot(random.Next(1, 40));
        var all = Suspect.FindAll(snapshot).ToList();
        var bad = all.OrderBy(_ => random.Next()).Take(random.Next(1, 5)).ToHashSet();
#pragma warning restore CA5394

        var found = new CulpritSearch(trial => bad.All(suspect => suspect.Find(trial) is null), most: 16).Find(snapshot);

        found.ShouldNotBeNull().ToHashSet().ShouldBe(bad, ignoreOrder: true);
    }

    [Fact]
    public void A_fault_that_is_in_no_object_is_not_searched_for_ever()
    {
        var trials = 0;

        new CulpritSearch(_ => ++trials < 0, most: 16).Find(Snapshot(20)).ShouldBeNull();

        trials.ShouldBe(1);
    }

    [Fact]
    public void Too_many_culprits_are_none()
    {
        var snapshot = Snapshot(40);

        new CulpritSearch(trial => trial.Policies[PolicyKinds.TrafficSplit].IsEmpty, most: 16).Find(snapshot).ShouldBeNull();
    }

    [Fact]
    public void Few_trials_find_one_object_among_many()
    {
        var trials = 0;
        var snapshot = Snapshot(300);

        var found = new CulpritSearch(
            trial =>
            {
                trials++;
                return !trial.Policies[PolicyKinds.TrafficSplit].ContainsKey(new ObjectName("shop", "s7"));
            },
            most: 16
        ).Find(snapshot);

        found.ShouldHaveSingleItem().ToString().ShouldBe("TrafficSplit shop/s7");
        trials.ShouldBeLessThan(30);
    }

    [Fact]
    public void The_version_before_stays_until_the_object_changes()
    {
        var good = Snapshot(2);
        var (bad, mended) = (WithSplit(good, 13), WithSplit(good, 20));
        var quarantine = new Quarantine(trial => WeightIn(trial) != 13);

        quarantine.Search(bad, good).ShouldBeTrue();

        WeightIn(quarantine.Apply(bad, good)).ShouldBe(WeightIn(good));
        quarantine.Held.ShouldHaveSingleItem().ToString().ShouldBe("TrafficSplit shop/s0");
        WeightIn(quarantine.Apply(mended, good)).ShouldBe(20);
        quarantine.Held.ShouldBeEmpty();
    }

    [Theory]
    [InlineData(true, "the version before stays in effect")]
    [InlineData(false, "it has no effect")]
    public void The_policys_verdict_says_what_is_in_effect(bool hasBefore, string expected)
    {
        var good = Snapshot(2);
        var bad = WithSplit(good, 13);
        var before = hasBefore ? good : null;
        var quarantine = new Quarantine(trial => WeightIn(trial) != 13);
        quarantine.Search(bad, before).ShouldBeTrue();

        var result = quarantine.Judge(Translator.Translate(quarantine.Apply(bad, before)), bad);

        var verdict = result.Verdicts[new PolicyKey("TrafficSplit", "shop", "s0")];
        (verdict.Accepted.Holds, verdict.Accepted.Reason, verdict.InEffect).ShouldBe((false, "TranslationFailed", hasBefore));
        verdict.Accepted.Message.ShouldContain(expected);
        result.Verdicts[new PolicyKey("TrafficSplit", "shop", "s1")].Accepted.Holds.ShouldBeTrue();
    }

    [Fact]
    public void A_replica_that_starts_with_it_does_not_serve_without_a_policy_of_mutual_TLS()
    {
        var mtls = new PolicyRecord<MtlsPolicySpec>("u", 1, default, new MtlsPolicySpec { Mode = MtlsPolicyMode.Strict }, null);
        var snapshot = Snapshot(2);
        snapshot = snapshot with { Policies = snapshot.Policies.With(PolicyKinds.MtlsPolicy, Web, mtls) };
        var quarantine = new Quarantine(trial => !trial.Policies[PolicyKinds.MtlsPolicy].ContainsKey(Web));

        quarantine.Search(snapshot, good: null).ShouldBeFalse();
        quarantine.Held.ShouldBeEmpty();
    }

    /// <summary>Services with a pod and a split each.</summary>
    private static ClusterSnapshot Snapshot(int services)
    {
        var snapshot = ClusterSnapshot.Empty;
        Cluster.Create([.. Enumerable.Range(0, services).Select(i => $"s{i}")]).With(made => snapshot = made);
        for (var i = 0; i < services; i++)
            snapshot = snapshot with { Policies = snapshot.Policies.With(PolicyKinds.TrafficSplit, Name(i), Split(i, 50)) };
        return snapshot;
    }

    private static ClusterSnapshot WithSplit(ClusterSnapshot snapshot, int weight) =>
        snapshot with
        {
            Policies = snapshot.Policies.With(PolicyKinds.TrafficSplit, Name(0), Split(0, weight)),
        };

    private static int? WeightIn(ClusterSnapshot snapshot) =>
        snapshot.Policies.Find(PolicyKinds.TrafficSplit, Name(0))?.Spec!.Backends![0].Weight;

    private static ObjectName Name(int split) => new("shop", $"s{split}");

    private static PolicyRecord<TrafficSplitSpec> Split(int service, int weight) =>
        new(
            $"uid-{service}",
            weight,
            default,
            new TrafficSplitSpec { Service = $"s{service}", Backends = [Cluster.Backend($"s{service}", weight)] },
            null
        );
}
