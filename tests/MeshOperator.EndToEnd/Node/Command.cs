using System.Diagnostics;

namespace MeshOperator.EndToEnd.Node;

/// <summary>A program that is run to its end, such as <c>ip</c> and <c>nft</c>.</summary>
internal static class Command
{
    /// <summary>Runs a program and returns its output.</summary>
    /// <exception cref="IOException">It failed; the message has what it wrote.</exception>
    public static async Task<string> RunAsync(string program, params string[] arguments)
    {
        var (status, output) = await EndAsync(program, arguments, input: null);
        return status == 0 ? output : throw new IOException($"{program} {string.Join(' ', arguments)}: status {status}: {output.Trim()}");
    }

    /// <summary>Runs a program with an input.</summary>
    /// <exception cref="IOException">It failed; the message has what it wrote.</exception>
    public static async Task FeedAsync(string input, string program, params string[] arguments)
    {
        var (status, output) = await EndAsync(program, arguments, input);
        if (status != 0)
            throw new IOException($"{program} {string.Join(' ', arguments)}: status {status}: {output.Trim()}\n{input}");
    }

    /// <summary>Runs a program that may fail, as what it is to take away may be gone.</summary>
    public static async Task<bool> TryAsync(string program, params string[] arguments) =>
        (await EndAsync(program, arguments, input: null)).Status == 0;

    private static async Task<(int Status, string Output)> EndAsync(string program, string[] arguments, string? input)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        if (input is not null)
            await process.StandardInput.WriteAsync(input);
        process.StandardInput.Close();
        await process.WaitForExitAsync();
        return (process.ExitCode, await output + await error);
    }
}
