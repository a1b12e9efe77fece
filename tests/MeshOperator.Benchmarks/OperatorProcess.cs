using System.Diagnostics;
using System.Globalization;
using k8s;
using MeshOperator.Composition;
using MeshOperator.Listeners;
using MeshOperator.Pipeline;
using MeshOperator.Settings;
using Microsoft.Extensions.DependencyInjection;
using Serilog.Events;

namespace MeshOperator.Benchmarks;

/// <summary>The operator as <c>meshop run</c> composes it, in a process of its own, but with plaintext ADS.</summary>
internal static class OperatorProcess
{
    private static readonly TimeSpan PollEvery = TimeSpan.FromMilliseconds(10);

    /// <summary>Starts, says on a line where ADS is and how long it took until there was a configuration, and serves until it is asked to
    /// end.</summary>
    public static async Task ServeAsync(string kubeconfig)
    {
        var started = Stopwatch.GetTimestamp();
        using var client = new k8s.Kubernetes(KubernetesClientConfiguration.BuildConfigFromConfigFile(kubeconfig));
        var options = new OperatorOptions
        {
            LoopbackOnly = true,
            XdsPlaintextPort = 0,
            XdsTlsPort = 0,
            WebhookPort = 0,
            MetricsPort = 0,
            LogLevel = LogEventLevel.Warning,
        };
        await using var host = await OperatorHost.StartAsync(options, client, CancellationToken.None);
        var pipeline = host.Services.GetRequiredService<MeshPipeline>();
        while (!pipeline.IsReady)
            await Task.Delay(PollEvery, TimeProvider.System);
        var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds.ToString("0.0", CultureInfo.InvariantCulture);
        Console.WriteLine($"{host.Ports[ListenerKind.PlaintextXds]} configured after {seconds} s");
        await host.WaitForShutdownAsync(CancellationToken.None);
    }
}
