using System.Diagnostics;
using System.Text.Json.Nodes;

namespace MeshOperator.Proxy.Tests.Support;

/// <summary>A real Envoy.</summary>
internal sealed class EnvoyProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly string _file;

    private EnvoyProcess(Process process, string file) => (_process, _file) = (process, file);

    /// <summary>Starts one with a bootstrap.</summary>
    public static async Task<EnvoyProcess> StartAsync(string program, JsonObject bootstrap, CancellationToken cancellationToken)
    {
        var file = Path.Combine(Path.GetTempPath(), $"meshoperator-{Guid.NewGuid():n}.json");
        await File.WriteAllTextAsync(file, bootstrap.ToJsonString(), cancellationToken);
        var start = new ProcessStartInfo(
            program,
            ["--config-path", file, "--concurrency", "1", "--log-level", "error", "--disable-hot-restart"]
        );
        return new EnvoyProcess(Process.Start(start)!, file);
    }

    public async ValueTask DisposeAsync()
    {
        _process.Kill();
        await _process.WaitForExitAsync();
        _process.Dispose();
        File.Delete(_file);
    }
}
