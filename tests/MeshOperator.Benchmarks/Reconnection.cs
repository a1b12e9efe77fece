using System.Diagnostics;
using System.Globalization;

namespace MeshOperator.Benchmarks;

/// <summary>How soon the streams of many sidecars are back after <c>meshop run</c> was killed and, some time later, started again. Each is
/// back when the operator has issued its identity again.</summary>
internal static class Reconnection
{
    private const int Endpoints = 10;

    /// <summary>Prints how long it took after each outage.</summary>
    /// <param name="streams">How many sidecars.</param>
    /// <param name="outages">How long the operator is gone each time, in seconds.</param>
    public static async Task MeasureAsync(int streams, params int[] outages)
    {
        await using var mesh = await SimulatedMesh.StartAsync((streams + Endpoints - 1) / Endpoints, Endpoints);
        await using var run = new MeshopRun(mesh.Kubeconfig);
        await run.StartAsync();
        var proxies = await mesh.ProxiesAsync(streams, _ => run.Address);
        using var end = new CancellationTokenSource();
        var running = proxies.ConvertAll(proxy => Task.Run(() => proxy.RunAsync(end.Token)));
        await SimulatedMesh.UntilBackAsync(proxies);
        foreach (var outage in outages)
            await MeasureAsync(run, proxies, TimeSpan.FromSeconds(outage));
        await end.CancelAsync();
        await Task.WhenAll(running);
    }

    private static async Task MeasureAsync(MeshopRun run, List<SimulatedEnvoy> proxies, TimeSpan outage)
    {
        var failed = proxies.Sum(proxy => proxy.FailedStreams);
        await run.KillAsync();
        foreach (var proxy in proxies)
            proxy.Forget();
        await Task.Delay(outage, TimeProvider.System);
        var started = Stopwatch.GetTimestamp();
        await run.StartAsync();
        var listens = Stopwatch.GetTimestamp();
        await SimulatedMesh.UntilBackAsync(proxies);
        var seconds = proxies.Select(proxy => Stopwatch.GetElapsedTime(listens, proxy.IdentityAt).TotalSeconds).Order().ToList();
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"outage of {outage.TotalSeconds} s and {Stopwatch.GetElapsedTime(started, listens).TotalSeconds:0.0} s of start: "
                    + $"{seconds.Count} streams are back after it listens: median {Share(seconds, 0.5):0.00} s, "
                    + $"p99 {Share(seconds, 0.99):0.00} s, the last {seconds[^1]:0.00} s; "
                    + $"most in a tenth of a second {Busiest(seconds)}; streams that failed "
                    + $"{proxies.Sum(proxy => proxy.FailedStreams) - failed}; "
                    + $"CPU of the operator {run.Cpu.TotalSeconds:0.0} s"
            )
        );
    }

    private static double Share(List<double> ordered, double share) => ordered[(int)Math.Ceiling(share * ordered.Count) - 1];

    private static int Busiest(List<double> seconds) => seconds.CountBy(s => (int)Math.Floor(s * 10)).Max(tenth => tenth.Value);
}
