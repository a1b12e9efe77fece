using System.Diagnostics;
using Shouldly;
using Xunit;

namespace MeshOperator.LocalCluster.Tests;

/// <summary>Runs the real kubectl against a cluster.</summary>
internal sealed class Kubectl : IDisposable
{
    private static readonly string? Program = (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(Path.PathSeparator)
        .Select(folder => Path.Combine(folder, OperatingSystem.IsWindows() ? "kubectl.exe" : "kubectl"))
        .FirstOrDefault(File.Exists);

    private readonly DirectoryInfo _home = Directory.CreateTempSubdirectory("meshop-kubectl");

    public Kubectl(string kubeconfig)
    {
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using var writer = new StreamWriter(Path.Combine(_home.FullName, "config"), options);
        writer.Write(kubeconfig);
    }

    /// <summary>Runs it, and wants it to succeed.</summary>
    public async Task<string> RunAsync(string arguments, string? input = null)
    {
        var (code, output, error) = await TryAsync(arguments, input);
        code.ShouldBe(0, $"kubectl {arguments}\n{output}\n{error}");
        return output + error;
    }

    /// <summary>Runs it, and wants it to fail.</summary>
    public async Task<string> FailAsync(string arguments, string? input = null)
    {
        var (code, output, error) = await TryAsync(arguments, input);
        code.ShouldNotBe(0, $"kubectl {arguments}\n{output}");
        return error;
    }

    public void Dispose() => _home.Delete(recursive: true);

    private async Task<(int Code, string Output, string Error)> TryAsync(string arguments, string? input)
    {
        Assert.SkipUnless(Program is not null, "kubectl is not on the PATH");
        var start = new ProcessStartInfo(Program!, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["KUBECONFIG"] = Path.Combine(_home.FullName, "config");
        start.Environment["KUBECACHEDIR"] = Path.Combine(_home.FullName, "cache");
        using var process = Process.Start(start)!;
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(TestContext.Current.CancellationToken);
        limit.CancelAfter(TimeSpan.FromSeconds(60));
        try
        {
            await process.StandardInput.WriteAsync(input);
            process.StandardInput.Close();
            var output = process.StandardOutput.ReadToEndAsync(limit.Token);
            var error = process.StandardError.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            return (process.ExitCode, await output, await error);
        }
        catch (OperationCanceledException)
        {
            process.Kill();
            throw new TimeoutException($"kubectl {arguments} did not end");
        }
    }
}
