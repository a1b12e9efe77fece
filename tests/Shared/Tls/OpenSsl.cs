using System.Diagnostics;
using Xunit;

namespace MeshOperator.Testing;

/// <summary>Runs OpenSSL's program, which knows nothing of our code.</summary>
internal static class OpenSsl
{
    private static readonly string? Program = (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(Path.PathSeparator)
        .Select(folder => Path.Combine(folder, "openssl"))
        .FirstOrDefault(File.Exists);

    /// <summary>Skips the test where there is none.</summary>
    public static void Require() => Assert.SkipUnless(Program is not null, "openssl is not on the PATH");

    /// <summary>Starts it; the caller ends and disposes of the process.</summary>
    public static Process Start(params string[] arguments) =>
        Process.Start(
            new ProcessStartInfo(Program!, arguments)
            {
                RedirectStandardInput = true,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            }
        )!;

    /// <summary>Runs it to its end; its status and all that it said.</summary>
    public static async Task<(int Status, string Output)> RunAsync(params string[] arguments)
    {
        using var process = Start(arguments);
        process.StandardInput.Close();
        var (output, error) = (
            process.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken),
            process.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken)
        );
        await process.WaitForExitAsync(TestContext.Current.CancellationToken);
        return (process.ExitCode, await output + await error);
    }
}
