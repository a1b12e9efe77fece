using MeshOperator.Api;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Translation;
using MeshOperator.Mesh.Verdicts;
using MeshOperator.Statuses;
using MeshOperator.Xds.Registry;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests;

public sealed class PolicyConditionsTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly Finding Valid = new(true, "Accepted", "The policy is valid.");
    private static readonly Finding Overridden = new(
        false,
        "Overridden",
        "The policy is overridden by RetryPolicy shop/split, which is more specific."
    );

    private static (string Status, string Reason, string Message) Programmed(PolicyVerdict verdict, PolicyProgress progress)
    {
        var condition = PolicyConditions.Status(verdict, progress, null, Now).Conditions.Find(c => c.Type == ConditionTypes.Programmed)!;
        return (condition.Status, condition.Reason, condition.Message);
    }

    [Fact]
    public void A_policy_that_is_overridden_says_so_whatever_proxies_have_acknowledged()
    {
        var verdict = new PolicyVerdict(1, Valid, new Finding(true, "ResolvedRefs", string.Empty), InEffect: false)
        {
            Uid = "uid",
            NoEffect = Overridden,
        };
        Programmed(verdict, PolicyProgress.None).ShouldBe(("False", "Overridden", Overridden.Message));
        Programmed(verdict, new PolicyProgress(2, 2, [])).ShouldBe(("False", "Overridden", Overridden.Message));
    }

    [Fact]
    public void A_policy_that_is_refused_points_to_the_reason()
    {
        var verdict = new PolicyVerdict(
            1,
            new Finding(false, "Invalid", "spec.mode: no"),
            new Finding(true, "ResolvedRefs", string.Empty),
            InEffect: false
        )
        {
            Uid = "uid",
            NoEffect = Overridden,
        };
        Programmed(verdict, PolicyProgress.None).ShouldBe(("False", "Pending", "The policy is not in effect; see the Accepted condition."));
    }

    [Fact]
    public void Proxies_that_are_waited_for_hold_the_policy_and_are_named_first()
    {
        ExpectedProxy[] missed = [Missed("a-sick", 300, holds: false), Missed("web-7c9", 12, holds: true)];
        Programmed(InForce, new PolicyProgress(9, 7, []) { Unconnected = missed })
            .ShouldBe(
                (
                    "False",
                    "PartiallyProgrammed",
                    "7 of 9 proxies have acknowledged; not connected: shop/web-7c9 (for 10s), shop/a-sick (for 5m)."
                )
            );
        Programmed(InForce, new PolicyProgress(8, 7, []) { Unconnected = [missed[0]] })
            .ShouldBe(("True", "Programmed", "7 of 8 proxies have acknowledged; not connected: shop/a-sick (for 5m)."));
    }

    [Fact]
    public void A_connected_proxy_that_has_not_acknowledged_holds_the_policy_for_as_long_as_it_takes() =>
        Programmed(InForce, new PolicyProgress(2, 0, []) { Unconnected = [Missed("sick", 86_400 * 3, holds: false)] })
            .ShouldBe(("False", "Pending", "0 of 2 proxies have acknowledged; not connected: shop/sick (for 3d)."));

    [Fact]
    public void Of_many_that_are_not_connected_three_are_named() =>
        Programmed(
            InForce,
            new PolicyProgress(400, 395, []) { Unconnected = [.. Enumerable.Range(0, 5).Select(i => Missed($"web-{i}", 1, holds: true))] }
        )
            .Message.ShouldBe(
                "395 of 400 proxies have acknowledged; not connected: shop/web-0 (for 1s), shop/web-1 (for 1s), shop/web-2 (for 1s); "
                    + "and 2 more."
            );

    [Fact]
    public void A_policy_without_proxies_is_neither_programmed_nor_pending()
    {
        Programmed(InForce, PolicyProgress.None).ShouldBe(("Unknown", "NoProxies", "The policy applies to no running pod with a proxy."));
        var (status, reason, message) = Programmed(
            InForce,
            new PolicyProgress(1, 0, []) { Unconnected = [Missed("sick", 60, holds: false)] }
        );
        (status, reason).ShouldBe(("Unknown", "NoProxies"));
        message.ShouldBe("No proxy that the policy applies to is connected or in a ready pod; not connected: shop/sick (for 1m).");
    }

    [Fact]
    public void A_status_is_written_again_only_when_an_age_has_reached_its_next_step()
    {
        PolicyStatus At(double seconds) =>
            PolicyConditions.Status(
                InForce,
                new PolicyProgress(2, 1, []) { Unconnected = [Missed("web", seconds, holds: true)] },
                null,
                Now
            );
        PolicyConditions.SaySame(At(10), At(19.9)).ShouldBeTrue();
        PolicyConditions.SaySame(At(19.9), At(20)).ShouldBeFalse();
        CoarseAge.UntilNext(TimeSpan.FromSeconds(12)).ShouldBe(TimeSpan.FromSeconds(8));
        CoarseAge.UntilNext(TimeSpan.Zero).ShouldBe(TimeSpan.FromSeconds(2));
        CoarseAge.UntilNext(TimeSpan.FromHours(13)).ShouldBe(TimeSpan.FromHours(11));
        CoarseAge.UntilNext(TimeSpan.FromHours(30)).ShouldBe(TimeSpan.FromHours(18));
    }

    [Fact]
    public void A_status_is_about_a_policy_when_generation_and_findings_are_the_same()
    {
        var status = PolicyConditions.Status(InForce, new PolicyProgress(1, 1, []), null, Now);
        status.ObservedGeneration.ShouldBe(1);
        PolicyConditions.IsAbout(status, InForce).ShouldBeTrue();
        PolicyConditions.IsAbout(status, InForce with { Generation = 2 }).ShouldBeFalse();
        PolicyConditions
            .IsAbout(status, InForce with { ResolvedRefs = new Finding(false, "BackendNotFound", string.Empty) })
            .ShouldBeFalse();
        PolicyConditions.IsAbout(null, InForce).ShouldBeFalse();
    }

    private static PolicyVerdict InForce => new(1, Valid, new Finding(true, "ResolvedRefs", string.Empty), InEffect: true) { Uid = "uid" };

    private static ExpectedProxy Missed(string pod, double seconds, bool holds) =>
        new(new WorkloadName("shop", pod), Now.AddSeconds(-seconds), holds ? null : Now.AddSeconds(-1));

    [Fact]
    public void What_a_cluster_would_not_take_as_a_message_is_cut()
    {
        var rejected = Enumerable.Range(0, 5).Select(i => new ProxyRejection($"pod-{i}", "routes", new string('x', 20_000))).ToList();
        var verdict = new PolicyVerdict(1, Valid, new Finding(true, "ResolvedRefs", string.Empty), InEffect: true) { Uid = "uid" };

        var (_, reason, message) = Programmed(verdict, new PolicyProgress(5, 0, rejected));

        reason.ShouldBe("Rejected");
        message.ShouldStartWith("0 of 5 proxies have acknowledged the policy. pod-0 rejected routes: xxx");
        message.Length.ShouldBeLessThan(5_000);
    }
}
