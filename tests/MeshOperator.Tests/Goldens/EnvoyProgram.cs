using System.Diagnostics;
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
        Assert.SkipWhen(Find() is null, "Envoy was not found: set ENVOY to the program, or put it on the PATH.");
        string[] arguments = ["--mode", "validate", "--log-level", "warning", "--config-yaml", bootstrap];
        using var process = Process.Start(new ProcessStartInfo(Find()!, arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        using var timeout = new CancellationTokenSource(Timeout, TimeProvider.System);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, TestContext.Current.CancellationToken);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(either.Token);
            var error = process.StandardError.ReadToEndAsync(either.Token);
            await process.WaitForExitAsync(either.Token);
            return (process.ExitCode, await output + await error);
        }
        finally
        {
            if (!process.HasExited) process.Kill();
        }
    }

    private static string? Find() => Environment.GetEnvironmentVariable("ENVOY") is { Length: > 0 } given
        ? File.Exists(given) ? given : null
        : (Environment.GetEnvironmentVariable("PATH") ?? string.Empty).Split(':')
            .Select(folder => Path.Combine(folder, "envoy")).FirstOrDefault(File.Exists);
}
