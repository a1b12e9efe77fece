using MeshOperator.Mesh.Translation;
using MeshOperator.Policies;
using MeshOperator.Xds.Registry;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests;

public sealed class PolicyConditionsTests
{
    private static readonly DateTimeOffset Now = new(2026, 1, 1, 12, 0, 0, TimeSpan.Zero);
    private static readonly Finding Valid = new(true, "Accepted", "The policy is valid.");
    private static readonly Finding Overridden = new(false, "Overridden", "The policy is overridden by RetryPolicy shop/split, which is more specific.");

    private static (string Status, string Reason, string Message) Programmed(PolicyVerdict verdict, PolicyProgress progress)
    {
        var condition = PolicyConditions.Status(verdict, progress, null, Now).Conditions.Find(c => c.Type == PolicyConditions.Programmed)!;
        return (condition.Status, condition.Reason, condition.Message);
    }

    [Fact]
    public void A_policy_that_is_overridden_says_so_whatever_proxies_have_acknowledged()
    {
        var verdict = new PolicyVerdict(1, Valid, new Finding(true, "ResolvedRefs", string.Empty), InEffect: false) { Idle = Overridden };
        Programmed(verdict, PolicyProgress.None).ShouldBe(("False", "Overridden", Overridden.Message));
        Programmed(verdict, new PolicyProgress(2, 2, [])).ShouldBe(("False", "Overridden", Overridden.Message));
    }

    [Fact]
    public void A_policy_that_is_refused_points_to_the_reason()
    {
        var verdict = new PolicyVerdict(1, new Finding(false, "Invalid", "spec.mode: no"), new Finding(true, "ResolvedRefs", string.Empty), InEffect: false) { Idle = Overridden };
        Programmed(verdict, PolicyProgress.None).ShouldBe(("False", "Pending", "The policy is not in effect; see the condition Accepted."));
    }

    [Fact]
    public void What_a_cluster_would_not_take_as_a_message_is_cut()
    {
        var rejected = Enumerable.Range(0, 5).Select(i => new ProxyRejection($"pod-{i}", "routes", new string('x', 20_000))).ToList();
        var verdict = new PolicyVerdict(1, Valid, new Finding(true, "ResolvedRefs", string.Empty), InEffect: true);

        var (_, reason, message) = Programmed(verdict, new PolicyProgress(5, 0, rejected));

        reason.ShouldBe("Rejected");
        message.ShouldStartWith("0 of 5 proxies have acknowledged the policy. pod-0 refused routes: xxx");
        message.Length.ShouldBeLessThan(5_000);
    }
}
