using MeshOperator.Testing;
using Xunit;

namespace MeshOperator.Tests.Goldens;

/// <summary>A real Envoy: the program that <c>ENVOY</c> names, else the one on the <c>PATH</c>. Tests that need it are skipped where it is
/// missing.</summary>
internal static class EnvoyProgram
{
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(1);

    /// <summary>Lets it judge a bootstrap, without listening or connecting anywhere.</summary>
    /// <returns>Its exit status and all that it wrote.</returns>
    public static async Task<(int Status, string Output)> ValidateAsync(string bootstrap)
    {
        var envoy = Programs.FindEnvoy();
        Assert.SkipWhen(envoy is null, "Envoy was not found: set ENVOY to the program, or put it on the PATH.");
        string[] arguments = ["--mode", "validate", "--log-level", "warning", "--config-yaml", bootstrap];
        return await Programs.RunAsync(envoy!, arguments, Timeout, TestContext.Current.CancellationToken);
    }
}
