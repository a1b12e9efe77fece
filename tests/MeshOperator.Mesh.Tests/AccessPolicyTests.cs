using MeshOperator.Mesh.Model;
using Shouldly;
using Xunit;

namespace MeshOperator.Mesh.Tests;

/// <summary>Whether a change of access rules takes something away from callers of bytes.</summary>
public sealed class AccessPolicyTests
{
    private const string Web = "spiffe://cluster.local/ns/shop/sa/web";
    private static readonly AccessRule Everybody = new();
    private static readonly AccessRule OnlyWeb = For(new StringMatch(StringMatchKind.Exact, Web));
    private static readonly AccessRule OnlyShop = For(new StringMatch(StringMatchKind.Prefix, "spiffe://cluster.local/ns/shop/"));

    [Fact]
    public void Rules_take_something_away_when_somebody_was_let_in_who_is_not_any_more()
    {
        AccessPolicy.Narrows(null, Allow(OnlyShop)).ShouldBeTrue();
        AccessPolicy.Narrows(Allow(OnlyShop), Allow(OnlyWeb)).ShouldBeTrue();
        AccessPolicy.Narrows(Allow(Everybody), Allow(OnlyShop)).ShouldBeTrue();
        AccessPolicy.Narrows(Allow(OnlyShop), Allow(OnlyShop) with { Deny = [OnlyWeb] }).ShouldBeTrue();
        AccessPolicy
            .Narrows(Allow(OnlyWeb), Allow(OnlyWeb with { Methods = ["GET"] }))
            .ShouldBeTrue("a rule about requests allows no bytes");
    }

    [Fact]
    public void Wider_rules_take_nothing_away()
    {
        AccessPolicy.Narrows(Allow(OnlyShop), null).ShouldBeFalse();
        AccessPolicy.Narrows(Allow(OnlyWeb), Allow(OnlyShop)).ShouldBeFalse();
        AccessPolicy.Narrows(Allow(OnlyWeb), Allow(OnlyWeb, For(new StringMatch(StringMatchKind.Exact, Web + "-2")))).ShouldBeFalse();
        AccessPolicy.Narrows(Allow(OnlyShop) with { Deny = [OnlyWeb] }, Allow(OnlyShop)).ShouldBeFalse();
        AccessPolicy.Narrows(null, Allow(OnlyWeb) with { AuditOnly = true }).ShouldBeFalse();
        AccessPolicy
            .Narrows(
                Allow(OnlyShop),
                Allow(OnlyShop) with
                {
                    Deny = [For(new StringMatch(StringMatchKind.Exact, "spiffe://cluster.local/ns/bank/sa/web"))],
                }
            )
            .ShouldBeFalse();
    }

    private static AccessPolicy Allow(params AccessRule[] rules) => new(true, rules.ToValueList(), [], AuditOnly: false);

    private static AccessRule For(params StringMatch[] callers) => new() { Callers = [callers.ToValueList()] };
}
