using System.Text.RegularExpressions;
using CsCheck;
using Envoy.Type.Matcher.V3;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Translation.Inbound;
using Shouldly;
using Xunit;

namespace MeshOperator.Xds.Tests.Inbound;

/// <summary>Who is let into a connection of bytes by the handshake is who the rules let in.</summary>
public sealed class CallerSetProperties
{
    private static readonly Gen<string> Identity = Gen.Select(
        Gen.OneOf(Gen.Const("shop"), Gen.Const("shop-2"), Gen.Const("bank")),
        Gen.OneOf(Gen.Const("web"), Gen.Const("we"), Gen.Const("web.x")),
        (ns, account) => $"spiffe://cluster.local/ns/{ns}/sa/{account}"
    );

    private static readonly Gen<StringMatch> Match = Gen.OneOf(
        Identity.Select(identity => new StringMatch(StringMatchKind.Exact, identity)),
        Gen.Select(
            Identity,
            Gen.Int[0, 45],
            (identity, length) => new StringMatch(StringMatchKind.Prefix, identity[..Math.Min(length, identity.Length)])
        )
    );

    private static readonly Gen<AccessRule> Rule = Gen.Select(
        Match.Array[1, 2].Array[0, 2],
        Gen.Bool,
        (callers, http) =>
            new AccessRule { Callers = callers.Select(matches => matches.ToValueList()).ToValueList(), Methods = http ? ["GET"] : [] }
    );

    private static readonly Gen<AccessPolicy> Policy = Gen.Select(
        Gen.Bool,
        Rule.Array[0, 3],
        Rule.Array[0, 3],
        (restricted, allow, deny) => new AccessPolicy(restricted, allow.ToValueList(), deny.ToValueList(), AuditOnly: false)
    );

    [Fact]
    public void An_identity_may_connect_when_a_rule_for_bytes_allows_it_and_none_denies_it() =>
        Gen.Select(Policy, Identity)
            .Sample(
                (policy, identity) =>
                {
                    var expected =
                        (!policy.IsRestricted || policy.Allow.Any(rule => !rule.NeedsHttp && IsFor(rule, identity)))
                        && !policy.Deny.Any(rule => IsFor(rule, identity));
                    var set = CallerSet.FromAccess(policy);
                    (set is null || set.Identities.Any(matcher => Matches(matcher, identity))).ShouldBe(expected);
                }
            );

    [Fact]
    public void Who_shows_no_identity_may_connect_where_no_rule_asks_for_one() =>
        Policy.Sample(policy =>
        {
            var expected =
                (!policy.IsRestricted || policy.Allow.Any(rule => !rule.NeedsHttp && rule.Callers.Count == 0))
                && !policy.Deny.Any(rule => rule.Callers.Count == 0);
            (CallerSet.FromAccess(policy)?.IsOpen ?? true).ShouldBe(expected);
        });

    [Fact]
    public void Rules_that_only_count_keep_nobody_out() =>
        CallerSet.FromAccess(new AccessPolicy(true, [], [new AccessRule()], AuditOnly: true)).ShouldBeNull();

    [Fact]
    public void More_denied_identities_than_an_expression_can_hold_are_left_to_the_first_byte() =>
        CallerSet
            .FromAccess(new AccessPolicy(false, [], [Accounts("shop", 100)], AuditOnly: false))
            .ShouldNotBeNull()
            .Identities.ShouldHaveSingleItem()
            .MatchPatternCase.ShouldBe(StringMatcher.MatchPatternOneofCase.Prefix);

    [Fact]
    public void One_list_that_is_too_long_does_not_let_in_who_is_denied_elsewhere()
    {
        var allow = new AccessRule
        {
            Callers =
            [
                [Namespace("shop"), Namespace("bank")],
            ],
        };
        var set = CallerSet
            .FromAccess(new AccessPolicy(true, [allow], [Accounts("shop", 100), Accounts("bank", 1)], AuditOnly: false))
            .ShouldNotBeNull();

        set.Identities.Any(matcher => Matches(matcher, "spiffe://cluster.local/ns/shop/sa/account-0")).ShouldBeTrue();
        set.Identities.Any(matcher => Matches(matcher, "spiffe://cluster.local/ns/bank/sa/account-0")).ShouldBeFalse();
        set.Identities.Any(matcher => Matches(matcher, "spiffe://cluster.local/ns/bank/sa/account-1")).ShouldBeTrue();
    }

    private static AccessRule Accounts(string ns, int count) =>
        new()
        {
            Callers =
            [
                Enumerable
                    .Range(0, count)
                    .Select(i => new StringMatch(StringMatchKind.Exact, $"spiffe://cluster.local/ns/{ns}/sa/account-{i}"))
                    .ToValueList(),
            ],
        };

    private static StringMatch Namespace(string ns) => new(StringMatchKind.Prefix, $"spiffe://cluster.local/ns/{ns}/");

    private static bool IsFor(AccessRule rule, string identity) =>
        rule.Callers.All(callers =>
            callers.Any(match =>
                match.Kind is StringMatchKind.Prefix ? identity.StartsWith(match.Value, StringComparison.Ordinal) : identity == match.Value
            )
        );

    private static bool Matches(StringMatcher matcher, string text) =>
        matcher.MatchPatternCase switch
        {
            StringMatcher.MatchPatternOneofCase.Exact => text == matcher.Exact,
            StringMatcher.MatchPatternOneofCase.Prefix => text.StartsWith(matcher.Prefix, StringComparison.Ordinal),
            _ => Regex.IsMatch(text, $@"\A(?:{matcher.SafeRegex.Regex})\z", RegexOptions.CultureInvariant),
        };
}
