using System.Diagnostics;
using Xunit;

namespace MeshOperator.Testing;

/// <summary>The xDS client that decodes with Envoy's official definitions. Tests that need it are skipped where it is missing.</summary>
internal static class XdsCheck
{
    private const string Variable = "MESH_XDSCHECK";
    private static readonly TimeSpan Timeout = TimeSpan.FromMinutes(4);

    /// <summary>Of rate limits it asks for a bucket beside those of descriptors. Envoy does without since 1.32, as the end-to-end tests show.</summary>
    public static readonly string[] KnownBetter = ["--ignore", "RATE_LIMIT"];

    /// <summary>Runs a command against a server and returns its exit status and all that it wrote.</summary>
    public static async Task<(int Status, string Output)> RunAsync(params string[] arguments)
    {
        var binary = Environment.GetEnvironmentVariable(Variable);
        Assert.SkipWhen(string.IsNullOrEmpty(binary), $"xdscheck was not found: {Variable} does not name it.");
        using var process = Process.Start(new ProcessStartInfo(binary!, arguments)
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
}
