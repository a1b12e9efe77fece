using MeshOperator.Listeners;
using Microsoft.AspNetCore.Connections.Features;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests;

public sealed class SparseHeartbeatTests
{
    [Fact]
    public void Every_fifth_beat_of_the_server_reaches_a_connection_with_its_state()
    {
        var server = new Beats();
        var (first, second) = (new List<object>(), new List<object>());
        var sparse = new SparseHeartbeat(server);
        sparse.OnHeartbeat(state => first.Add(state), "first");
        sparse.OnHeartbeat(state => second.Add(state), "second");

        for (var i = 0; i < 14; i++)
            server.Beat();
        first.ShouldBe(["first", "first"]);
        second.ShouldBe(["second", "second"]);
    }

    private sealed class Beats : IConnectionHeartbeatFeature
    {
        private readonly List<(Action<object> Action, object State)> _handlers = [];

        public void OnHeartbeat(Action<object> action, object state) => _handlers.Add((action, state));

        public void Beat()
        {
            foreach (var (action, state) in _handlers)
                action(state);
        }
    }
}
