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
    [InlineData("a{1001}", "a count of 1001 is above 1000 (character 2)")]
    [InlineData("a{3,2}", "the most, 2, is less than the least, 3 (character 2)")]
    [InlineData("(a{1,1000}){1,5}", "nested counts come to 5000, which is above 1000 (character 12)")]
    [InlineData("((a{1000}){1}){2}", "nested counts come to 2000, which is above 1000 (character 15)")]
    [InlineData("a**", "a repetition cannot be repeated: RE2 knows no '**' (character 2)")]
    [InlineData("a++", "a repetition cannot be repeated: RE2 knows no '++' (character 2)")]
    [InlineData("a{2}{3}", "a repetition cannot be repeated: RE2 knows no '{2}{3}' (character 2)")]
    [InlineData("*", @"nothing stands before the '*' that it could repeat: write \* for the character itself (character 1)")]
    [InlineData("a|+", @"nothing stands before the '+' that it could repeat: write \+ for the character itself (character 3)")]
    [InlineData("(?i){2}", @"nothing stands before the '{' that it could repeat: write \{ for the character itself (character 5)")]
    [InlineData(@"a\Z", @"\Z is not known to RE2: write \z for the end (character 2)")]
    [InlineData(@"\e", @"\e is not known to RE2: write e for the character itself (character 1)")]
    [InlineData(@"\cA", @"\c is not known to RE2: write c for the character itself (character 1)")]
    [InlineData(@"\u0041", @"\u is not known to RE2: write for example \x{0041} (character 1)")]
    [InlineData(@"(a)\1", @"the back-reference \1 is not known to RE2 (character 4)")]
    [InlineData(@"\é", @"\é is not known to RE2: write é for the character itself (character 1)")]
    [InlineData(@"[\b]", @"\b is not known inside of a class (character 2)")]
    [InlineData(@"a\E", @"\E ends no \Q (character 2)")]
    [InlineData(@"\C", @"\C is not taken: write . for any character (character 1)")]
    [InlineData(@"a\", @"a backslash ends the expression: write \\ for the character itself (character 2)")]
    [InlineData(@"\x{110000}", @"\x must be followed by two hexadecimal digits, or by a number up to 10FFFF in braces (character 1)")]
    [InlineData(@"\x4", @"\x must be followed by two hexadecimal digits, or by a number up to 10FFFF in braces (character 1)")]
    [InlineData("(?=a)", "look-ahead is not known to RE2 (character 1)")]
    [InlineData("a(?!b)", "look-ahead is not known to RE2 (character 2)")]
    [InlineData("(?<=a)b", "look-behind is not known to RE2 (character 1)")]
    [InlineData("(?>a)", "atomic groups are not known to RE2 (character 1)")]
    [InlineData("(?#c)a", "comments are not known to RE2 (character 1)")]
    [InlineData("(?x)a b", "'x' is no flag that RE2 knows: it knows i, m, s and U (character 3)")]
    [InlineData("(?n)a", "'n' is no flag that RE2 knows: it knows i, m, s and U (character 3)")]
    [InlineData("(?i-)a", "')' is no flag that RE2 knows: it knows i, m, s and U (character 5)")]
    [InlineData("(?'n'a)", "a named group is written (?P<name>…) (character 1)")]
    [InlineData("(?<n>a)", "a named group is written (?P<name>…) (character 1)")]
    [InlineData("(?P<n>a)(?P<n>b)", "two groups are named 'n' (character 13)")]
    [InlineData("(?P<a-b>c)", "'a-b' is no name of a group: write letters, digits and '_' (character 5)")]
    [InlineData("(?P<n)", "the name of the group does not end: write (?P<name>…) (character 1)")]
    [InlineData("(", @"the group that begins here is not closed: write \( for the character itself (character 1)")]
    [InlineData("a)", @"the ')' closes no group: write \) for the character itself (character 2)")]
    [InlineData(@"\p{IsGreek}", @"'IsGreek' is no class that RE2 knows: write a general category or a script, for example \p{Lu} or \p{Greek} (character 1)")]
    [InlineData(@"\p{Greek", @"the name of the class does not end: write for example \p{Greek} (character 1)")]
    [InlineData(@"\p", @"the name of the class does not end: write for example \p{Greek} (character 1)")]
    [InlineData("[a-z-[aeiou]]", @"RE2 subtracts no classes: write \[ for the character itself (character 5)")]
    [InlineData("[a", @"the class that begins here is not closed: write \[ for the character itself (character 1)")]
    [InlineData("[]", @"the class that begins here is not closed: write \[ for the character itself (character 1)")]
    [InlineData("[z-a]", "the range 'z-a' goes backwards (character 2)")]
    [InlineData(@"[a-\d]", @"\d cannot end a range (character 4)")]
    [InlineData("[[:foo:]]", "'[:foo:]' is no class that RE2 knows (character 2)")]
    [InlineData(@"\w{1000}{2}", "a repetition cannot be repeated: RE2 knows no '{1000}{2}' (character 3)")]
    [InlineData(@"[\pL\pN]{1,63}", "it is too large, as counts multiply what they repeat: its size is about 157565, of at most 16384")]
    public void What_RE2_refuses_is_refused_with_the_cause_and_the_place(string pattern, string cause) =>
        Refusal(pattern).ShouldBe($"spec.rules[0].matches[0].path.value: the path '{pattern}' is no RE2 expression: {cause}");

    [Fact]
    public void Groups_that_are_nested_without_end_are_refused() =>
        Refusal(new string('(', 4000)).ShouldEndWith("groups are nested more than 200 deep (character 201)");

    [Fact]
    public void Expressions_for_headers_and_query_parameters_are_read_as_those_for_paths() =>
        ValidationText.Of(new TrafficSplitValidator().Validate(Split(new HttpRequestMatch
        {
            Headers = [new() { Name = "x-a", Type = ValueMatchType.RegularExpression, Value = "(?=a)" }],
            QueryParams = [new() { Name = "q", Type = ValueMatchType.RegularExpression, Value = "(?=a)" }],
        }))).ShouldBe(
            "spec.rules[0].matches[0].headers[0].value: the value '(?=a)' is no RE2 expression: look-ahead is not known to RE2 (character 1); "
            + "spec.rules[0].matches[0].queryParams[0].value: the value '(?=a)' is no RE2 expression: look-ahead is not known to RE2 (character 1)");

    private static string Refusal(string pattern) => ValidationText.Of(new TrafficSplitValidator().Validate(Split(new HttpRequestMatch
    {
        Path = new PathMatch { Type = PathMatchType.RegularExpression, Value = pattern },
    })));

    private static TrafficSplitSpec Split(HttpRequestMatch match) =>
        new() { Service = "model", Rules = [new TrafficSplitRule { Backends = [new() { Service = "v1" }], Matches = [match] }] };
}
