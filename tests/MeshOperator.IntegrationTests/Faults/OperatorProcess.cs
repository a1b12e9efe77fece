using System.Diagnostics;
using System.Text;
using MeshOperator.IntegrationTests.Support;
using MeshOperator.Testing;
using Xunit;

namespace MeshOperator.IntegrationTests.Faults;

/// <summary>`meshop run` as a process of its own, which can be killed.</summary>
internal sealed class OperatorProcess : IAsyncDisposable
{
    private readonly Process _process;
    private readonly StringBuilder _log = new();

    private OperatorProcess(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, line) => Note(line.Data);
        process.ErrorDataReceived += (_, line) => Note(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    /// <summary>What it has logged.</summary>
    public string Output
    {
        get
        {
            lock (_log)
                return _log.ToString();
        }
    }

    public bool HasExited => _process.HasExited;

    public static OperatorProcess Start(TestCluster cluster, string @namespace)
    {
        var command = BuiltProgram.Meshop;
        var start = new ProcessStartInfo(
            command[0],
            [
                .. command[1..],
                "run",
                "--kubeconfig",
                cluster.KubeconfigPath,
                "--namespace",
                @namespace,
                "--webhook-port",
                "0",
                "--metrics-port",
                "0",
                "--xds-port",
                "0",
                "--replica-port",
                "0",
            ]
        )
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        return new OperatorProcess(Process.Start(start)!);
    }

    /// <summary>SIGKILL: it has no chance to give anything back.</summary>
    public async Task KillAsync()
    {
        if (!_process.HasExited)
            _process.Kill();
        await _process.WaitForExitAsync(TestContext.Current.CancellationToken);
    }

    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        _process.Dispose();
    }

    private void Note(string? line)
    {
        lock (_log)
            _log.AppendLine(line);
    }
}
