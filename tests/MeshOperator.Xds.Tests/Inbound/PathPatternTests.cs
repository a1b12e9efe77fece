using System.Text.RegularExpressions;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Translation.Inbound;
using MeshOperator.Xds.Translation.Shared;
using Shouldly;
using Xunit;

namespace MeshOperator.Xds.Tests.Inbound;

/// <summary>What rules about paths match of the ways in which a path can be written. The end-to-end tests ask a real Envoy the
/// same.</summary>
public sealed class PathPatternTests
{
    [Theory]
    [InlineData("/admin")]
    [InlineData("/ADMIN")]
    [InlineData("/admin/")]
    [InlineData("/admin/.")]
    [InlineData("//admin")]
    [InlineData("/./admin")]
    [InlineData("/.//admin//")]
    [InlineData(@"\admin")]
    [InlineData("/admin;a=1")]
    [InlineData("/;x/admin")]
    [InlineData("/admin%3ba=1")]
    [InlineData("/%61dmin")]
    [InlineData("/%2561dmin")]
    [InlineData("/%252561dmin")]
    [InlineData("%2Fadmin")]
    [InlineData("/%2Fadmin")]
    [InlineData("/%5Cadmin")]
    [InlineData("/admin%2f")]
    [InlineData("/admin%00.png")]
    [InlineData("/public/../admin")]
    [InlineData("/public/..;/admin")]
    [InlineData("/public/%2e%2E/admin")]
    [InlineData("/public/%252e%252e/admin")]
    [InlineData(@"/public\..\admin")]
    [InlineData("/admin/x/..")]
    public void What_a_server_may_take_for_a_denied_path_is_denied(string path)
    {
        Matches(PathPatterns.MayBe(new StringMatch(StringMatchKind.Exact, "/admin"), elements: false), path).ShouldBeTrue();
        Matches(PathPatterns.MayBe(new StringMatch(StringMatchKind.Prefix, "/adm"), elements: false), path).ShouldBeTrue();
        Matches(PathPatterns.MayBeBeforeQuery(new StringMatch(StringMatchKind.Exact, "/admin"), elements: true), path + "?q=1")
            .ShouldBeTrue();
    }

    [Theory]
    [InlineData("/")]
    [InlineData("/admins")]
    [InlineData("/adminx/y")]
    [InlineData("/public/admin")]
    [InlineData("/a.dmin")]
    [InlineData("/public/a..b/c")]
    [InlineData("/public/...")]
    [InlineData("/public;x=/admin")]
    public void Other_paths_are_not(string path) =>
        Matches(PathPatterns.MayBe(new StringMatch(StringMatchKind.Exact, "/admin"), elements: false), path).ShouldBeFalse();

    [Theory]
    [InlineData("/v1/models", "/v1/models", true)]
    [InlineData("/v1/models", "/v1/models/7", true)]
    [InlineData("/v1/models", "/v1/modelsx", false)]
    [InlineData("/v1/models/", "/v1/models", true)]
    [InlineData("/v1/models", "/V1//models/7", true)]
    [InlineData("/v1/models", "/v1/models%2F7", true)]
    [InlineData("/café", "/caf%C3%A9/x", true)]
    [InlineData("/a%20b", "/a b", true)]
    [InlineData("/a%20b", "/a%20b", true)]
    [InlineData("/", "/anything", true)]
    public void A_prefix_of_elements_ends_where_an_element_does(string prefix, string path, bool expected) =>
        Matches(PathPatterns.MayBe(new StringMatch(StringMatchKind.Prefix, prefix), elements: true), path).ShouldBe(expected);

    [Fact]
    public void What_leads_upwards_in_a_query_is_no_path() =>
        Matches(PathPatterns.MayBeBeforeQuery(new StringMatch(StringMatchKind.Exact, "/admin"), elements: true), "/search?next=/../x")
            .ShouldBeFalse();

    [Theory]
    [InlineData("/public/../admin", true)]
    [InlineData("/public/..;/admin", true)]
    [InlineData("/public/%2e%2e/admin", true)]
    [InlineData("/public/%252e%252e%252fadmin", true)]
    [InlineData("/public/.", true)]
    [InlineData("/public//x", true)]
    [InlineData(@"/public\x", true)]
    [InlineData("/public/%2fx", true)]
    [InlineData("/public/x%00", true)]
    [InlineData("/public/x", false)]
    [InlineData("/public/x;v=1", false)]
    [InlineData("/public/a%20b.txt", false)]
    [InlineData("/public/.well-known/a..b", false)]
    public void A_path_that_servers_read_in_different_ways_is_ambiguous(string path, bool expected) =>
        Matches(PathPatterns.Ambiguous, path).ShouldBe(expected);

    private static bool Matches(string expression, string path) =>
        Regex.IsMatch(path, $@"\A(?:{expression})\z", RegexOptions.CultureInvariant);
}
