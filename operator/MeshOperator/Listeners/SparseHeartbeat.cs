using Microsoft.AspNetCore.Connections.Features;

namespace MeshOperator.Listeners;

/// <summary>Hands on every fifth beat of the server's clock to a connection. At each beat, one a second, a connection of HTTP/2 looks for
/// timeouts and wakes the loop that reads it; with thousands of silent connections that is most of what an idle operator does. The timeouts
/// of these connections are of many seconds.</summary>
/// <param name="beats">The server's own.</param>
internal sealed class SparseHeartbeat(IConnectionHeartbeatFeature beats) : IConnectionHeartbeatFeature
{
    /// <summary>How many beats make one.</summary>
    private const int Every = 5;

    /// <inheritdoc/>
    public void OnHeartbeat(Action<object> action, object state) => beats.OnHeartbeat(Counter.Beat, new Counter(action, state));

    /// <summary>Counts the beats of one handler; the server calls it from one thread at a time.</summary>
    private sealed class Counter(Action<object> action, object state)
    {
        public static readonly Action<object> Beat = static counter => ((Counter)counter).Count();

        private int _beats;

        private void Count()
        {
            if (++_beats % Every == 0)
                action(state);
        }
    }
}
