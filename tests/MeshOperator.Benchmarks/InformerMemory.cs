using System.Globalization;
using BenchmarkDotNet.Attributes;
using k8s.Models;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Snapshots;
using Microsoft.Extensions.Logging.Abstractions;

namespace MeshOperator.Benchmarks;

/// <summary>The first list of 10,000 pods: how long it takes, and what stays in memory of it.</summary>
[MemoryDiagnoser]
public class InformerMemory
{
    /// <summary>How many pods there are.</summary>
    [Params(10_000)]
    public int Pods { get; set; }

    /// <summary>Lists all pods into a fresh informer, keeping of each what the operator keeps.</summary>
    [Benchmark]
    public async Task<int> ListAsOperator() => (await SyncAsync(Pods, RecordReader.Trim)).Informer.Objects.Count;

    /// <summary>Prints the memory that informers hold, with everything kept and with what the operator keeps.</summary>
    internal static async Task MeasureAsync(int pods)
    {
        await SyncAsync(100, null);
        await MeasureAsync(pods, "everything but managed fields", null);
        // A fresh stack: the frames of what has completed hold its objects.
        await Task.Yield();
        await MeasureAsync(pods, "what the operator keeps", RecordReader.Trim);
    }

    private static async Task MeasureAsync(int pods, string what, Action<V1Pod>? trim)
    {
        await Task.Yield();
        var before = Settled();
        var (informer, sent) = await SyncAsync(pods, trim);
        var held = Settled() - before;
        Console.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{pods} pods ({sent / 1048576.0:0.0} MiB of JSON), {what}: {held / 1048576.0:0.0} MiB held, {held / (double)pods:0} "
                    + $"bytes a pod"
            )
        );
        GC.KeepAlive(informer);
    }

    private static long Settled()
    {
        for (var i = 0; i < 3; i++)
        {
            GC.Collect(2, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            GC.WaitForPendingFinalizers();
        }

        return GC.GetTotalMemory(forceFullCollection: true);
    }

    private static async Task<(SharedInformer<V1Pod> Informer, long Sent)> SyncAsync(int pods, Action<V1Pod>? trim)
    {
        using var server = new PodPages(pods);
        using var stop = new CancellationTokenSource();
        var informer = new SharedInformer<V1Pod>(
            server.Transport(),
            new InformerOptions<V1Pod> { Trim = trim },
            TimeProvider.System,
            new Random(1),
            NullLogger<SharedInformer<V1Pod>>.Instance
        );
        var run = informer.RunAsync(stop.Token);
        await informer.WaitForSyncAsync(CancellationToken.None);
        await stop.CancelAsync();
        await run;
        return (informer, server.Sent);
    }
}
