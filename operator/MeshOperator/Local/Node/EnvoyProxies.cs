using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using k8s.Models;

namespace MeshOperator.Local.Node;

/// <summary>Real Envoys, one process a pod.</summary>
internal sealed partial class EnvoyProxies : ILocalProxies
{
    /// <summary>The environment variable that names the program.</summary>
    public const string Variable = "ENVOY";

    private const int TermSignal = 15;
    private const int MostLines = 20;
    private static readonly TimeSpan VersionWithin = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan EndWithin = TimeSpan.FromSeconds(2);

    /// <summary>Runs the proxy, and kills it when whoever started it has gone, by which the standard input ends: an Envoy would outlive a
    /// mesh that was killed.</summary>
    private const string Script = """
        exec 3<&0
        "$@" </dev/null 3<&- &
        proxy=$!
        (cat <&3 >/dev/null; kill -9 "$proxy") 2>/dev/null &
        exec 3<&- 0</dev/null
        trap 'kill -15 "$proxy"' TERM
        while kill -0 "$proxy" 2>/dev/null; do
            wait "$proxy"
            status=$?
        done
        exit "$status"
        """;

    private readonly string _program;

    private EnvoyProxies(string program, string version) => (_program, Description) = (program, $"Envoy {version} ({program})");

    /// <inheritdoc/>
    public string Description { get; }

    /// <summary>Finds an Envoy: the one that is named, else by <see cref="Variable"/>, else on the <c>PATH</c>.</summary>
    /// <param name="named">A path, or null.</param>
    /// <param name="cancellation">Ends the search.</param>
    /// <returns>Null when there is none.</returns>
    /// <exception cref="ArgumentException">The program that was named is not there, or is no Envoy.</exception>
    public static async Task<EnvoyProxies?> FindAsync(string? named, CancellationToken cancellation)
    {
        var (program, by) = named is { Length: > 0 }
            ? (named, "--envoy")
            : (Environment.GetEnvironmentVariable(Variable) is { Length: > 0 } variable ? variable : null, Variable);
        if (program is null)
            return FindOnPath() is { } found ? await AskVersionAsync(found, "PATH", cancellation) : null;
        if (!File.Exists(program))
            throw new ArgumentException($"{by}: '{program}' does not exist; name the Envoy program, or leave it out");
        return await AskVersionAsync(Path.GetFullPath(program), by, cancellation);
    }

    /// <inheritdoc/>
    public async Task<ILocalProxy> StartAsync(V1Pod pod, JsonObject bootstrap, string folder, CancellationToken cancellation)
    {
        var file = Path.Combine(folder, "envoy.json");
        await File.WriteAllTextAsync(file, bootstrap.ToJsonString(), cancellation);
        var start = new ProcessStartInfo(
            "/bin/sh",
            [
                "-c",
                Script,
                "sh",
                _program,
                "--config-path",
                file,
                "--concurrency",
                "1",
                "--log-level",
                "warning",
                "--drain-time-s",
                "10",
                "--disable-hot-restart",
            ]
        )
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder,
        };
        return new EnvoyProcess(Process.Start(start)!, Path.Combine(folder, "envoy.log"));
    }

    private static string? FindOnPath() =>
        OperatingSystem.IsWindows()
            ? null
            : (Environment.GetEnvironmentVariable("PATH") ?? string.Empty)
                .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
                .Select(folder => Path.Combine(folder, "envoy"))
                .FirstOrDefault(File.Exists);

    private static async Task<EnvoyProxies> AskVersionAsync(string program, string by, CancellationToken cancellation)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, ["--version"]) { RedirectStandardOutput = true })!;
            using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
            limit.CancelAfter(VersionWithin);
            var text = await process.StandardOutput.ReadToEndAsync(limit.Token);
            await process.WaitForExitAsync(limit.Token);
            if (Version().Match(text) is { Success: true } match)
                return new EnvoyProxies(program, match.Groups[1].Value);
            throw new ArgumentException($"{by}: '{program}' does not say its version as Envoy does; name an Envoy program");
        }
        catch (Exception e) when (e is Win32Exception or InvalidOperationException)
        {
            throw new ArgumentException($"{by}: '{program}' cannot be run: {e.Message}", e);
        }
    }

    [GeneratedRegex(@"/(\d+\.\d+\.\d+)[^/]*/")]
    private static partial Regex Version();

    private sealed class EnvoyProcess : ILocalProxy
    {
        private readonly Process _process;
        private readonly StreamWriter _log;
        private readonly Queue<string> _last = new();

        public EnvoyProcess(Process process, string log)
        {
            _process = process;
            _log = new StreamWriter(log, append: true) { AutoFlush = true };
            process.OutputDataReceived += (_, line) => Note(line.Data);
            process.ErrorDataReceived += (_, line) => Note(line.Data);
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
            Ended = WaitAsync();
        }

        public Task<string> Ended { get; }

        public async ValueTask DisposeAsync()
        {
            if (!_process.HasExited)
            {
                _ = Signals.Send(_process.Id, TermSignal);
                await Task.WhenAny(Ended, Task.Delay(EndWithin, TimeProvider.System));
            }

            // Whatever is left ends with its standard input.
            _process.StandardInput.Close();
            await Task.WhenAny(Ended, Task.Delay(EndWithin, TimeProvider.System));
            if (!_process.HasExited)
                _process.Kill(entireProcessTree: true);
            await Ended;
            _process.Dispose();
            await _log.DisposeAsync();
        }

        private async Task<string> WaitAsync()
        {
            await _process.WaitForExitAsync();
            string? reason;
            lock (_last)
                reason = _last.LastOrDefault(line =>
                    line.Contains("][error]", StringComparison.Ordinal) || line.Contains("][critical]", StringComparison.Ordinal)
                );
            return reason is null ? $"exit status {_process.ExitCode}" : $"exit status {_process.ExitCode}: {reason}";
        }

        private void Note(string? line)
        {
            if (line is null)
                return;
            lock (_last)
            {
                _last.Enqueue(line);
                if (_last.Count > MostLines)
                    _last.Dequeue();
                _log.WriteLine(line);
            }
        }
    }
}
