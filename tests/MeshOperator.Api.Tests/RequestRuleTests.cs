using MeshOperator.Api.Policies;
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
        JudgeMatch(
                new()
                {
                    Path = new() { Type = type, Value = path },
                }
            )
            .ShouldBe(
                $"spec.rules[0].matches[0].path.value: '{path}' has a query or fragment, which is not part of the path; use queryParams"
            );
        JudgeLimit(
                new()
                {
                    Path = new() { Type = type, Value = path },
                }
            )
            .ShouldBe($"spec.limits[0].match.path.value: '{path}' has a query or fragment, which is not part of the path; remove it");
    }

    [Fact]
    public void A_path_without_a_type_is_read_as_a_prefix() =>
        JudgeMatch(new() { Path = new() { Value = "/a?b" } })
            .ShouldBe(
                "spec.rules[0].matches[0].path.value: '/a?b' has a query or fragment, which is not part of the path; use queryParams"
            );

    [Fact]
    public void A_question_mark_is_part_of_an_expressions_syntax() =>
        JudgeMatch(
                new()
                {
                    Path = new() { Type = PathMatchType.RegularExpression, Value = "/a?b" },
                }
            )
            .ShouldBeEmpty();

    [Theory]
    [InlineData("beta\n", "contains a line break; in YAML write it on one line, or use |-")]
    [InlineData("beta\r", "contains a line break; in YAML write it on one line, or use |-")]
    [InlineData("be\0ta", "contains a NUL character; remove it")]
    public void A_value_is_one_line(string value, string message)
    {
        JudgeMatch(new() { Headers = [new() { Name = "x-a", Value = value }] })
            .ShouldBe($"spec.rules[0].matches[0].headers[0].value: a header's value {message}");
        JudgeMatch(new() { QueryParams = [new() { Name = "a", Value = value }] })
            .ShouldBe($"spec.rules[0].matches[0].queryParams[0].value: a query parameter's value {message}");
        JudgeMatch(new() { Cookies = [new() { Name = "a", Value = value }] })
            .ShouldBe($"spec.rules[0].matches[0].cookies[0].value: a cookie's value {message}");
        JudgeRule(new() { Headers = new() { Set = [new() { Name = "x-a", Value = value }] } })
            .ShouldBe($"spec.rules[0].headers.set[0].value: a header's value {message}");
        JudgeRule(new() { Headers = new() { Add = [new() { Name = "x-a", Value = value }] } })
            .ShouldBe($"spec.rules[0].headers.add[0].value: a header's value {message}");
        JudgeLimit(new() { Headers = [new() { Name = "x-a", Value = value }] })
            .ShouldBe($"spec.limits[0].match.headers[0].value: a header's value {message}");
    }

    [Theory]
    [InlineData("host")]
    [InlineData(":path")]
    [InlineData("Content-Length")]
    [InlineData("transfer-encoding")]
    [InlineData("connection")]
    [InlineData("upgrade")]
    [InlineData("TE")]
    [InlineData("trailer")]
    [InlineData("x-envoy-upstream-rq-timeout-ms")]
    public void A_header_that_proxies_need_cannot_be_changed(string name)
    {
        var message = $"a split cannot change the header '{name}', because proxies and their other policies depend on it; remove it";
        JudgeRule(new() { Headers = new() { Set = [new() { Name = name, Value = "1" }] } })
            .ShouldBe($"spec.rules[0].headers.set[0].name: {message}");
        JudgeRule(new() { Headers = new() { Add = [new() { Name = name, Value = "1" }] } })
            .ShouldBe($"spec.rules[0].headers.add[0].name: {message}");
        JudgeRule(new() { Headers = new() { Remove = [name] } }).ShouldBe($"spec.rules[0].headers.remove[0]: {message}");
    }

    [Theory]
    [InlineData("x a")]
    [InlineData("x-a\n")]
    [InlineData(":path")]
    [InlineData("")]
    public void What_is_no_name_is_refused(string name)
    {
        var message = $"'{name}' is not a valid name; use letters, digits and !#$%&'*+-.^_|~";
        JudgeRule(new() { Sticky = new() { Header = name } }).ShouldBe($"spec.rules[0].sticky.header: {message}");
        JudgeRule(new() { Sticky = new() { Cookie = new() { Name = name } } }).ShouldBe($"spec.rules[0].sticky.cookie.name: {message}");
        JudgeMatch(new() { Headers = [new() { Name = name, Value = "1" }] })
            .ShouldBe($"spec.rules[0].matches[0].headers[0].name: {message}");
        JudgeMatch(new() { Cookies = [new() { Name = name, Value = "1" }] })
            .ShouldBe($"spec.rules[0].matches[0].cookies[0].name: {message}");
    }

    [Fact]
    public void A_name_of_a_header_to_remove_is_a_headers_name() =>
        JudgeRule(new() { Headers = new() { Remove = ["x a"] } })
            .ShouldBe("spec.rules[0].headers.remove[0]: 'x a' is not a valid name; use letters, digits and !#$%&'*+-.^_|~");

    [Fact]
    public void Other_headers_can_be_changed() =>
        JudgeRule(
                new()
                {
                    Headers = new()
                    {
                        Set = [new() { Name = "x-discount", Value = "10 %" }],
                        Add = [new() { Name = "x-seen-by", Value = "split" }],
                        Remove = ["x-secret"],
                    },
                    Sticky = new() { Header = "x-user" },
                }
            )
            .ShouldBeEmpty();

    private static string JudgeMatch(HttpRequestMatch match) => JudgeRule(new() { Matches = [match] });

    private static string JudgeRule(TrafficSplitRule rule)
    {
        rule.Backends = [new() { Service = "v1" }];
        return ValidationText.Describe(new TrafficSplitValidator().Validate(new TrafficSplitSpec { Service = "model", Rules = [rule] }));
    }

    private static string JudgeLimit(RateLimitMatch match) =>
        ValidationText.Describe(
            new RateLimitValidator().Validate(
                new RateLimitSpec
                {
                    TargetRefs = [new() { Kind = PolicyTargetKind.Service, Name = "a" }],
                    Limits = [new() { Requests = 1, Match = match }],
                }
            )
        );
}
