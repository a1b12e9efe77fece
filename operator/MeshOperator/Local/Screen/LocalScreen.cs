using Spectre.Console;
using Spectre.Console.Rendering;

namespace MeshOperator.Local.Screen;

/// <summary>Shows a local mesh while it runs: a live table on a terminal, else lines when something changes.</summary>
internal sealed class LocalScreen(LocalMesh mesh)
{
    private static readonly TimeSpan LiveEvery = TimeSpan.FromMilliseconds(500);

    /// <summary>Without a terminal the traffic is reported now and then.</summary>
    private static readonly TimeSpan TrafficEvery = TimeSpan.FromSeconds(10);

    private readonly MeshViewReader _reader = new(mesh);

    /// <summary>Shows the table until it is cancelled.</summary>
    public async Task ShowLiveAsync(IAnsiConsole console, CancellationToken cancellation)
    {
        await console
            .Live(await RenderAsync(cancellation))
            .AutoClear(false)
            .Overflow(VerticalOverflow.Ellipsis)
            .StartAsync(async live =>
            {
                while (!cancellation.IsCancellationRequested)
                {
                    try
                    {
                        live.UpdateTarget(await RenderAsync(cancellation));
                        await Task.Delay(LiveEvery, TimeProvider.System, cancellation);
                    }
                    catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
                    {
                        return;
                    }
                }
            });
    }

    /// <summary>Writes a line for each policy whose state changes, and for the traffic now and then, until it is cancelled.</summary>
    public async Task ShowPlainAsync(TextWriter output, CancellationToken cancellation)
    {
        var told = new Dictionary<string, PolicyView>(StringComparer.Ordinal);
        var trafficTold = TimeProvider.System.GetTimestamp();
        try
        {
            while (true)
            {
                var view = await _reader.ReadAsync(cancellation);
                foreach (var policy in view.Policies)
                {
                    var key = $"{policy.Kind} {policy.Name}";
                    if (told.TryGetValue(key, out var before) && before == policy)
                        continue;
                    told[key] = policy;
                    var message = policy.Message is { } text ? $"; {text}" : string.Empty;
                    await output.WriteLineAsync(
                        $"policy {key}: accepted {policy.Accepted}, programmed {policy.Programmed}, proxies {policy.Proxies}{message}"
                    );
                }

                if (view.Traffic.Count > 0 && TimeProvider.System.GetElapsedTime(trafficTold) >= TrafficEvery)
                {
                    trafficTold = TimeProvider.System.GetTimestamp();
                    foreach (var row in view.Traffic)
                    {
                        await output.WriteLineAsync(MeshTables.Line(row));
                    }
                }

                await output.FlushAsync(cancellation);
                await Task.Delay(LiveEvery, TimeProvider.System, cancellation);
            }
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // The mesh ends.
        }
    }

    private async Task<IRenderable> RenderAsync(CancellationToken cancellation) => MeshTables.Create(await _reader.ReadAsync(cancellation));
}
