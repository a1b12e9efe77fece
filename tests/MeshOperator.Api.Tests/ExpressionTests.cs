using MeshOperator.Api.Policies;
using MeshOperator.Api.Validation;
using Shouldly;
using Xunit;

namespace MeshOperator.Api.Tests;

public sealed class ExpressionTests
{
    [Theory]
    [InlineData("/items/[0-9]+")]
    [InlineData("/(?:a|b|)/.*")]
    [InlineData("(?P<n>a+)")]
    [InlineData(@"\Qa.b(\E+")]
    [InlineData(@"\Qa.b(")]
    [InlineData(@"\pL\PN\p{Greek}\p{^Lu}[\p{Han}\pN]")]
    [InlineData(@"\_\-\/\.")]
    [InlineData("(?U)a+")]
    [InlineData("(?i-s:a.)(?m)^b$")]
    [InlineData("(?)a")]
    [InlineData(@"\x{10FFFF}\x41\07\12\n\a")]
    [InlineData("[]a-z-9_][^]a][a-b-c]")]
    [InlineData("[[:alpha:][:^digit:]][[:alpha]")]
    [InlineData(@"[\d\-\]\x{41}-\x{5A}]")]
    [InlineData("a{2}b{2,}c{0,1000}?d*?e+?f??")]
    [InlineData("a{,5}{b{01}c{")]
    [InlineData("(a{500}){2}")]
    [InlineData("(|a)*^*()+")]
    [InlineData("a(?i)*")]
    [InlineData("𝒳[𝒳-𝒵]é")]
    [InlineData(@"\Aa\b\Bz\z")]
    [InlineData("[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*")]
    [InlineData("")]
    public void What_RE2_takes_is_accepted(string pattern) => Refusal(pattern).ShouldBeEmpty();

    [Theory]
    [InlineData("a{1001}", "at character 2, the count 1001 is above 1000")]
    [InlineData("a{3,2}", "at character 2, the maximum, 2, is below the minimum, 3")]
    [InlineData("(a{1,1000}){1,5}", "at character 12, the product of nested counts is 5000, which is above 1000")]
    [InlineData("((a{1000}){1}){2}", "at character 15, the product of nested counts is 2000, which is above 1000")]
    [InlineData("a**", "at character 2, a repetition cannot be repeated; RE2 does not support '**'")]
    [InlineData("a++", "at character 2, a repetition cannot be repeated; RE2 does not support '++'")]
    [InlineData("a{2}{3}", "at character 2, a repetition cannot be repeated; RE2 does not support '{2}{3}'")]
    [InlineData("*", @"at character 1, there is nothing before the '*' to repeat; write \* to match the character itself")]
    [InlineData("a|+", @"at character 3, there is nothing before the '+' to repeat; write \+ to match the character itself")]
    [InlineData("(?i){2}", @"at character 5, there is nothing before the '{' to repeat; write \{ to match the character itself")]
    [InlineData(@"a\Z", @"at character 2, RE2 does not support \Z; write \z for the end")]
    [InlineData(@"\e", @"at character 1, RE2 does not support \e; write e to match the character itself")]
    [InlineData(@"\cA", @"at character 1, RE2 does not support \c; write c to match the character itself")]
    [InlineData(@"\u0041", @"at character 1, RE2 does not support \u; write for example \x{0041}")]
    [InlineData(@"(a)\1", @"at character 4, RE2 does not support the back-reference \1")]
    [InlineData(@"\é", @"at character 1, RE2 does not support \é; write é to match the character itself")]
    [InlineData(@"[\b]", @"at character 2, \b is not allowed in a character class")]
    [InlineData(@"a\E", @"at character 2, there is no \Q before the \E")]
    [InlineData(@"\C", @"at character 1, \C is not supported; write . for any character")]
    [InlineData(@"a\", @"at character 2, the expression ends with a backslash; write \\ to match the character itself")]
    [InlineData(@"\x{110000}", @"at character 1, \x must be followed by two hexadecimal digits, or by a number up to 10FFFF in braces")]
    [InlineData(@"\x4", @"at character 1, \x must be followed by two hexadecimal digits, or by a number up to 10FFFF in braces")]
    [InlineData("(?=a)", "at character 1, RE2 does not support look-ahead")]
    [InlineData("a(?!b)", "at character 2, RE2 does not support look-ahead")]
    [InlineData("(?<=a)b", "at character 1, RE2 does not support look-behind")]
    [InlineData("(?>a)", "at character 1, RE2 does not support atomic groups")]
    [InlineData("(?#c)a", "at character 1, RE2 does not support comments")]
    [InlineData("(?x)a b", "at character 3, 'x' is not a flag of RE2; use i, m, s or U")]
    [InlineData("(?n)a", "at character 3, 'n' is not a flag of RE2; use i, m, s or U")]
    [InlineData("(?i-)a", "at character 5, ')' is not a flag of RE2; use i, m, s or U")]
    [InlineData("(?'n'a)", "at character 1, RE2 does not support this form of a named group; write (?P<name>…)")]
    [InlineData("(?<n>a)", "at character 1, RE2 does not support this form of a named group; write (?P<name>…)")]
    [InlineData("(?P<n>a)(?P<n>b)", "at character 13, two groups are named 'n'; rename one of them")]
    [InlineData("(?P<a-b>c)", "at character 5, 'a-b' is not the name of a group; use letters, digits and '_'")]
    [InlineData("(?P<n)", "at character 1, the group's name is not closed; write (?P<name>…)")]
    [InlineData("(", @"at character 1, the group is not closed; write \( to match the character itself")]
    [InlineData("a)", @"at character 2, the ')' does not close a group; write \) to match the character itself")]
    [InlineData(
        @"\p{IsGreek}",
        @"at character 1, 'IsGreek' is not a character class of RE2; use a general category or a script, for example \p{Lu} or \p{Greek}"
    )]
    [InlineData(@"\p{Greek", @"at character 1, the name of the character class is not closed; write for example \p{Greek}")]
    [InlineData(@"\p", @"at character 1, the name of the character class is not closed; write for example \p{Greek}")]
    [InlineData(
        "[a-z-[aeiou]]",
        @"at character 5, RE2 does not support the subtraction of classes; write \[ to match the character itself"
    )]
    [InlineData("[a", @"at character 1, the character class is not closed; write \[ to match the character itself")]
    [InlineData("[]", @"at character 1, the character class is not closed; write \[ to match the character itself")]
    [InlineData("[z-a]", "at character 2, the range 'z-a' is in the wrong order")]
    [InlineData(@"[a-\d]", @"at character 4, a range cannot end with \d")]
    [InlineData("[[:foo:]]", "at character 2, '[:foo:]' is not a character class of RE2")]
    [InlineData(@"\w{1000}{2}", "at character 3, a repetition cannot be repeated; RE2 does not support '{1000}{2}'")]
    [InlineData(@"[\pL\pN]{1,63}", "its size of about 157565 is above 16384, because counts multiply what they repeat; use smaller counts")]
    public void What_RE2_refuses_is_refused_with_the_cause_and_the_place(string pattern, string cause) =>
        Refusal(pattern)
            .ShouldBe($"spec.rules[0].matches[0].path.value: the path '{pattern}' is not a valid RE2 regular expression: {cause}");

    [Fact]
    public void Groups_that_are_nested_without_end_are_refused() =>
        Refusal(new string('(', 4000)).ShouldEndWith("at character 201, groups are nested more than 200 levels deep");

    [Fact]
    public void Expressions_for_headers_and_query_parameters_are_read_as_those_for_paths() =>
        ValidationText
            .Describe(
                new TrafficSplitValidator().Validate(
                    Split(
                        new HttpRequestMatch
                        {
                            Headers =
                            [
                                new()
                                {
                                    Name = "x-a",
                                    Type = ValueMatchType.RegularExpression,
                                    Value = "(?=a)",
                                },
                            ],
                            QueryParams =
                            [
                                new()
                                {
                                    Name = "q",
                                    Type = ValueMatchType.RegularExpression,
                                    Value = "(?=a)",
                                },
                            ],
                        }
                    )
                )
            )
            .ShouldBe(
                "spec.rules[0].matches[0].headers[0].value: the value '(?=a)' is not a valid RE2 regular expression: at character 1, "
                    + "RE2 does not support look-ahead; "
                    + "spec.rules[0].matches[0].queryParams[0].value: the value '(?=a)' is not a valid RE2 regular expression: at "
                    + "character 1, RE2 does not support look-ahead"
            );

    private static string Refusal(string pattern) =>
        ValidationText.Describe(
            new TrafficSplitValidator().Validate(
                Split(
                    new HttpRequestMatch
                    {
                        Path = new PathMatch { Type = PathMatchType.RegularExpression, Value = pattern },
                    }
                )
            )
        );

    private static TrafficSplitSpec Split(HttpRequestMatch match) =>
        new() { Service = "model", Rules = [new TrafficSplitRule { Backends = [new() { Service = "v1" }], Matches = [match] }] };
}
