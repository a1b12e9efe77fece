using System.Collections.Concurrent;
using System.Diagnostics;
using System.Runtime.InteropServices;

namespace MeshOperator.EndToEnd.Node;

/// <summary>A long-running program in a network namespace: a proxy, or the operator. It is killed by the kernel when this process ends in
/// whatever way; the kernel takes the end of the thread that started it for that, so one thread starts them all.</summary>
internal sealed class ChildProcess : IAsyncDisposable
{
    private const int MostLines = 20_000;
    private static readonly BlockingCollection<Action> Starts = [];
    private static readonly Thread Starter = RunStarter();
    private readonly Process _process;
    private readonly Queue<string> _lines = new();

    private ChildProcess(Process process)
    {
        _process = process;
        process.OutputDataReceived += (_, line) => Note(line.Data);
        process.ErrorDataReceived += (_, line) => Note(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
    }

    public int Id => _process.Id;

    public bool HasExited => _process.HasExited;

    /// <summary>How it ended: the status, or 128 and the signal.</summary>
    public int ExitCode => _process.ExitCode;

    /// <summary>What it wrote, the last <see cref="MostLines"/> lines.</summary>
    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (_lines)
                return [.. _lines];
        }
    }

    /// <summary>Completes when it has ended.</summary>
    public Task Ended => _process.WaitForExitAsync();

    /// <summary>Starts a shell script in a network namespace, and in a mount namespace of its own.</summary>
    /// <param name="network">The network namespace.</param>
    /// <param name="script">What prepares the mounts, and ends with <c>exec</c>; <c>$@</c> are the arguments.</param>
    /// <param name="arguments">The script's arguments.</param>
    /// <param name="environment">The whole environment; null for this process's own.</param>
    public static async Task<ChildProcess> StartAsync(
        NetworkNamespace network,
        string script,
        IEnumerable<string> arguments,
        IReadOnlyDictionary<string, string>? environment = null
    )
    {
        var start = new ProcessStartInfo(
            "nsenter",
            ["--net=" + network.Path, "--", "unshare", "--mount", "--propagation", "private", "sh", "-euc", script, "sh", .. arguments]
        )
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (environment is not null)
        {
            start.Environment.Clear();
            start.Environment["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
            foreach (var (name, value) in environment)
                start.Environment[name] = value;
        }

        var started = new TaskCompletionSource<Process>(TaskCreationOptions.RunContinuationsAsynchronously);
        Starts.Add(() =>
        {
            try
            {
                started.SetResult(Process.Start(start)!);
            }
            catch (Exception e)
            {
                started.SetException(e);
            }
        });
        return new ChildProcess(await started.Task);
    }

    /// <summary>Sends SIGTERM.</summary>
    public void Terminate() => Signal(15);

    /// <summary>Sends SIGKILL.</summary>
    public void Kill() => Signal(9);

    /// <summary>Stops it for the moment (SIGSTOP), until <see cref="Continue"/>.</summary>
    public void Pause() => Signal(19);

    public void Continue() => Signal(18);

    public async ValueTask DisposeAsync()
    {
        Kill();
        await Ended;
        _process.Dispose();
    }

    private void Signal(int signal)
    {
        if (!_process.HasExited)
            _ = kill(_process.Id, signal);
    }

    private void Note(string? line)
    {
        if (line is null)
            return;
        lock (_lines)
        {
            _lines.Enqueue(line);
            if (_lines.Count > MostLines)
                _lines.Dequeue();
        }
    }

    private static Thread RunStarter()
    {
        var thread = new Thread(() =>
        {
            foreach (var start in Starts.GetConsumingEnumerable())
                start();
        })
        {
            IsBackground = true,
            Name = "starts programs",
        };
        thread.Start();
        return thread;
    }

    [DllImport("libc", SetLastError = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
#pragma warning disable IDE1006 // The C library's name.
    private static extern int kill(int pid, int signal);
#pragma warning restore IDE1006
}
