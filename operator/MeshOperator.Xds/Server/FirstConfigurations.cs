using Microsoft.Extensions.Options;

namespace MeshOperator.Xds.Server;

/// <summary>Lets only so many streams at a time fetch their first configuration, which is large. When all proxies connect at once, each
/// is configured soon after its turn has come, in place of all of them late and some never, and little is held in memory.</summary>
internal sealed class FirstConfigurations(IOptions<XdsServerOptions> options, TimeProvider time) : IDisposable
{
    private readonly SemaphoreSlim _turns = new(options.Value.MaxFirstConfigurations);

    /// <summary>Waits for a turn. It is over when it is disposed of, or after <see cref="XdsServerOptions.FirstConfigurationTurn"/>: a
    /// client that is slow, or asks for little, must not keep the others waiting.</summary>
    public async Task<IDisposable> EnterAsync(CancellationToken cancellationToken)
    {
        await _turns.WaitAsync(cancellationToken);
        return new Turn(_turns, time, options.Value.FirstConfigurationTurn);
    }

    public void Dispose() => _turns.Dispose();

    private sealed class Turn : IDisposable
    {
        private readonly SemaphoreSlim _turns;
        private readonly ITimer _end;
        private int _isOver;

        public Turn(SemaphoreSlim turns, TimeProvider time, TimeSpan longest)
        {
            _turns = turns;
            _end = time.CreateTimer(static turn => ((Turn)turn!).End(), this, longest, Timeout.InfiniteTimeSpan);
        }

        public void Dispose()
        {
            _end.Dispose();
            End();
        }

        private void End()
        {
            if (Interlocked.Exchange(ref _isOver, 1) == 0)
                _turns.Release();
        }
    }
}
