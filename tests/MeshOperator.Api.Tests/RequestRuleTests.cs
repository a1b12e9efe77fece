using MeshOperator.Api.V1Alpha1;
using MeshOperator.Api.Validation;
using Shouldly;
using Xunit;

namespace MeshOperator.Api.Tests;

public sealed class RequestRuleTests
{
    [Theory]
    [InlineData(PathMatchType.Prefix, "/search?q=1")]
    [InlineData(PathMatchType.Exact, "/search?q=1")]
    [InlineData(PathMatchType.Exact, "/search#top")]
    public void A_path_has_no_query_or_fragment(PathMatchType type, string path)
    {
        OfMatch(new() { Path = new() { Type = type, Value = path } })
            .ShouldBe($"spec.rules[0].matches[0].path.value: '{path}': a path has no query or fragment: use queryParams");
        OfLimit(new() { Path = new() { Type = type, Value = path } })
            .ShouldBe($"spec.limits[0].match.path.value: '{path}': a path has no query or fragment: leave it out");
    }

    [Fact]
    public void A_path_without_a_type_is_read_as_a_prefix() => OfMatch(new() { Path = new() { Value = "/a?b" } })
        .ShouldBe("spec.rules[0].matches[0].path.value: '/a?b': a path has no query or fragment: use queryParams");

    [Fact]
    public void A_question_mark_is_part_of_an_expressions_syntax() =>
        OfMatch(new() { Path = new() { Type = PathMatchType.RegularExpression, Value = "/a?b" } }).ShouldBeEmpty();

    private static string OfMatch(HttpRequestMatch match) => OfRule(new() { Matches = [match] });

    private static string OfRule(TrafficSplitRule rule)
    {
        rule.Backends = [new() { Service = "v1" }];
        return ValidationText.Of(new TrafficSplitValidator().Validate(new TrafficSplitSpec { Service = "model", Rules = [rule] }));
    }

    private static string OfLimit(RateLimitMatch match) => ValidationText.Of(new RateLimitValidator().Validate(new RateLimitSpec
    {
        TargetRefs = [new() { Kind = PolicyTargetKind.Service, Name = "a" }],
        Limits = [new() { Requests = 1, Match = match }],
    }));
}
