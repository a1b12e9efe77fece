using System.Threading.Channels;

namespace MeshOperator.EndToEnd.Cluster;

/// <summary>Runs a step after each change, and again when one failed: level-triggered, so a step looks at all there is. Changes that come
/// while a step runs make one more step together.</summary>
internal sealed class ChangeLoop : IAsyncDisposable
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromMilliseconds(100);
    private readonly Channel<bool> _wake = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite }
    );
    private readonly CancellationTokenSource _stopping = new();
    private readonly Task _running;

    public ChangeLoop(string name, Func<CancellationToken, Task> step)
    {
        _running = Task.Run(() => RunAsync(name, step));
        Wake();
    }

    public void Wake() => _wake.Writer.TryWrite(true);

    public async ValueTask DisposeAsync()
    {
        await _stopping.CancelAsync();
        await _running;
        _stopping.Dispose();
    }

    private async Task RunAsync(string name, Func<CancellationToken, Task> step)
    {
        var failures = 0;
        while (!_stopping.IsCancellationRequested)
        {
            try
            {
                await _wake.Reader.ReadAsync(_stopping.Token);
                await step(_stopping.Token);
                failures = 0;
            }
            catch (OperationCanceledException) when (_stopping.IsCancellationRequested)
            {
                return;
            }
            catch (Exception e)
            {
                // A conflict, or an object that went meanwhile. What goes on is written for whoever looks why a test waits.
                if (++failures % 20 == 0)
                    await Console.Error.WriteLineAsync($"{name}: {e.Message}");
                Wake();
                await Task.Delay(RetryAfter, TimeProvider.System, CancellationToken.None);
            }
        }
    }
}
