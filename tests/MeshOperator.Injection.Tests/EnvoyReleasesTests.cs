using Shouldly;
using Xunit;

namespace MeshOperator.Injection.Tests;

public sealed class EnvoyReleasesTests
{
    [Theory]
    [InlineData("docker.io/envoyproxy/envoy:v1.40.0", 40)]
    [InlineData("envoy:v1.36-latest", 36)]
    [InlineData("localhost:5000/envoyproxy/envoy-distroless:v1.37.1", 37)]
    [InlineData("registry.example.com/app:v1.2.3", null)]
    [InlineData("envoyproxy/envoy:latest", null)]
    public void The_branch_is_read_from_the_tag_of_an_image_of_envoy(string image, int? branch) =>
        EnvoyReleases.FindBranch(image).ShouldBe(branch);

    [Fact]
    public void A_branch_ends_a_year_after_it_began()
    {
        var today = new DateOnly(2026, 12, 1);
        Enumerable.Range(30, 12).Where(branch => EnvoyReleases.HasEnded(branch, today)).ShouldBe([30, 31, 32, 33, 34, 35, 36]);
        EnvoyReleases.HasEnded(37, new DateOnly(2027, 3, 1)).ShouldBeTrue();
    }
}
