using System.Diagnostics;

namespace MeshOperator.Testing;

/// <summary>Other people's programs.</summary>
internal static class Programs
{
    /// <summary>A program on the <c>PATH</c>, or where administrators have theirs; null where there is none.</summary>
    public static string? Find(string name) =>
        (Environment.GetEnvironmentVariable("PATH") ?? string.Empty)
            .Split(Path.PathSeparator)
            .Concat(["/usr/sbin", "/sbin"])
            .Select(folder => Path.Combine(folder, name))
            .FirstOrDefault(File.Exists);

    /// <summary>The Envoy that the variable <c>ENVOY</c> names, else the one on the <c>PATH</c>; null where there is none.</summary>
    public static string? FindEnvoy() =>
        Environment.GetEnvironmentVariable("ENVOY") is { Length: > 0 } given
            ? File.Exists(given)
                ? given
                : null
            : Find("envoy");

    /// <summary>Runs a program to its end.</summary>
    /// <returns>Its exit status and all that it wrote.</returns>
    /// <exception cref="OperationCanceledException">It took longer than <paramref name="within"/>; it is killed.</exception>
    public static async Task<(int Status, string Output)> RunAsync(
        string program,
        string[] arguments,
        TimeSpan within,
        CancellationToken cancellation
    )
    {
        using var process = Process.Start(
            new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true }
        )!;
        using var timeout = new CancellationTokenSource(within, TimeProvider.System);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellation);
        try
        {
            var output = process.StandardOutput.ReadToEndAsync(either.Token);
            var error = process.StandardError.ReadToEndAsync(either.Token);
            await process.WaitForExitAsync(either.Token);
            return (process.ExitCode, await output + await error);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill();
        }
    }
}
