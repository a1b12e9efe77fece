namespace MeshOperator.Xds.Server;

/// <summary>Lets only some streams write large answers at once. When all proxies connect together, for example after a restart of the
/// operator, memory would otherwise have to hold the whole configuration once for each of them.</summary>
internal sealed class LargeWrites(TimeProvider time) : IDisposable
{
    /// <summary>Answers of more bytes than this take turns.</summary>
    public const int Threshold = 64 * 1024;

    private const int AtOnce = 128;

    /// <summary>A client that reads slowly keeps the others waiting no longer than this.</summary>
    private static readonly TimeSpan LongestTurn = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _turns = new(AtOnce, AtOnce);

    /// <summary>Runs <paramref name="write"/> when there is a free turn.</summary>
    public async Task RunAsync(Func<Task> write, CancellationToken cancellationToken)
    {
        await _turns.WaitAsync(cancellationToken);
        Task writing;
        try
        {
            writing = write();
            if (!writing.IsCompleted)
            {
                await writing.WaitAsync(LongestTurn, time, cancellationToken)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
            }
        }
        finally
        {
            _turns.Release();
        }

        await writing;
    }

    public void Dispose() => _turns.Dispose();
}
