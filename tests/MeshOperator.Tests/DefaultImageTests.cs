using System.Runtime.CompilerServices;
using MeshOperator.Injection;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests;

/// <summary>The sidecars' image is said in one place of the program; what people read must say the same.</summary>
public sealed class DefaultImageTests
{
    [Theory]
    [InlineData("charts/mesh-operator/values.yaml")]
    [InlineData("README.md")]
    public async Task The_chart_and_the_documentation_name_the_default_image_and_the_oldest_release(string file)
    {
        new InjectionOptions().ProxyImage.ShouldBe(EnvoyReleases.DefaultImage);
        var text = await File.ReadAllTextAsync(Path.Combine(Root(), file), TestContext.Current.CancellationToken);
        text.ShouldContain(EnvoyReleases.DefaultImage);
        text.ShouldContain($"Envoy 1.{EnvoyReleases.OldestBranch} or later");
    }

    private static string Root([CallerFilePath] string here = "") => Path.GetFullPath(Path.Combine(here, "../../.."));
}
