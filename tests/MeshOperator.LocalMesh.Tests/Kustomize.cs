using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.LocalMeshTests;

/// <summary>Builds folders of the checkout as a user does.</summary>
internal static class Kustomize
{
    private static readonly TimeSpan Within = TimeSpan.FromSeconds(60);

    /// <summary>The manifests of a folder. Without <c>kubectl</c> the test is skipped.</summary>
    public static async Task<string> BuildAsync(string folder)
    {
        Assert.SkipWhen(Programs.Find("kubectl") is null, "kubectl is not on the PATH.");
        var (status, manifests) = await Programs.RunAsync(
            "kubectl",
            ["kustomize", "--load-restrictor", "LoadRestrictionsNone", Path.Combine(Repository.Root, folder)],
            Within,
            TestContext.Current.CancellationToken
        );
        status.ShouldBe(0, manifests);
        return manifests;
    }
}
