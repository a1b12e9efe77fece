using System.Reflection;
using System.Text.RegularExpressions;
using MeshOperator.Commands;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests;

/// <summary>The version stands in <c>Directory.Build.props</c>. The program and its defaults take it from there; these files repeat
/// it.</summary>
public sealed class VersionTests
{
    private static readonly string Version = Group(@"<Version>(.+)</Version>", Read("Directory.Build.props"));

    [Fact]
    public void The_program_has_the_version_of_the_build() =>
        typeof(MeshopCommand)
            .Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()!
            .InformationalVersion.Split('+')[0]
            .ShouldBe(Version);

    [Theory]
    [InlineData("Dockerfile", @"^ARG VERSION=(.+)$")]
    [InlineData("charts/mesh-operator/Chart.yaml", @"^version: (.+)$")]
    [InlineData("charts/mesh-operator/Chart.yaml", @"^appVersion: (.+)$")]
    [InlineData("README.md", @"^Version ([0-9.]+[0-9])")]
    public void A_file_that_repeats_the_version_has_the_current_one(string file, string pattern) =>
        Group(pattern, Read(file)).ShouldBe(Version);

    [Fact]
    public void Images_in_documents_have_the_current_version()
    {
        var documents = Directory.EnumerateFiles(Path.Combine(Repository.Root, "docs"), "*.md", SearchOption.AllDirectories);
        foreach (var document in documents.Append(Path.Combine(Repository.Root, "README.md")))
        {
            foreach (Match image in Regex.Matches(File.ReadAllText(document), @"/mesh-(?:operator|init):([0-9][^\s`]*)"))
                image.Groups[1].Value.ShouldBe(Version, document);
        }
    }

    private static string Read(string file) => File.ReadAllText(Path.Combine(Repository.Root, file));

    private static string Group(string pattern, string text) => Regex.Match(text, pattern, RegexOptions.Multiline).Groups[1].Value;
}
