using MeshOperator.EndToEnd.Checks;
using MeshOperator.EndToEnd.Clients;
using Shouldly;
using Xunit;

namespace MeshOperator.EndToEnd.Scenarios;

/// <summary>Floods of frames that bear no data, up to the limits of <c>docs/http-transparency.md</c> and beyond. A stream on the same
/// connection is answered as long as the limit holds, and one of another client of the same sidecars always.</summary>
public sealed class FloodScenarios(TestMesh mesh, SharedNamespace shared) : SharedScenario(mesh, shared, "floods", proxies: 2, Turn.Alone)
{
    private const int Neighbour = 1;
    private const int Flooded = 3;

    private Client Caller => Workload("client").Client;

    private protected override Task DeployAsync(TestNamespace ns) =>
        Task.WhenAll(ns.DeployAsync(new WorkloadSpec("model") { Ports = [Port.Http, Port.Grpc] }), ns.DeployAsync("client"));

    [Theory]
    [InlineData("empty frames", 990)]
    [InlineData("PRIORITY", 290)]
    [InlineData("WINDOW_UPDATE", 1900)]
    [InlineData("RST_STREAM", 5000)]
    [InlineData("PING", 9000)]
    [InlineData("SETTINGS", 9000)]
    [ModelTraffic(
        22,
        "990 empty frames, 290 `PRIORITY`, 1,900 `WINDOW_UPDATE`, 5,000 `RST_STREAM`, 9,000 `PING` and 9,000 `SETTINGS` at once",
        Now = "no stream of the connection is hurt"
    )]
    public async Task A_flood_below_the_limit_hurts_no_stream_of_its_connection(string kind, int count)
    {
        using var connection = await OpenAsync();
        await connection.SendAsync(connection.Request(Neighbour, hasBody: false, ("x-delay", "2000")));
        await connection.SendAsync(connection.Request(Flooded, hasBody: true));
        if (kind == "WINDOW_UPDATE")
            await ReadSomethingAsync(connection);

        await connection.SendAsync(Flood(connection, kind, count));
        await connection.SendAsync(FrameConnection.EndOfBody(Flooded));

        (await connection.AnswerAsync(Flooded)).ShouldBe("200");
        (await connection.AnswerAsync(Neighbour)).ShouldBe("200");
    }

    [Theory]
    [InlineData("empty frames", 1100)]
    [InlineData("PRIORITY", 1000)]
    [InlineData("WINDOW_UPDATE", 100)]
    [InlineData("RST_STREAM", 40_000)]
    [InlineData("PING", 1_000_000)]
    [InlineData("SETTINGS", 1_500_000)]
    [ModelTraffic(
        23,
        "1,100, 1,000, 100 (before any data), 40,000, 1,000,000 and 1,500,000 of them",
        Now = "the connection ends; another client's stream is answered"
    )]
    public async Task A_flood_beyond_the_limit_ends_its_own_connection_and_hurts_no_other_client_s_stream(string kind, int count)
    {
        using var other = await OpenAsync();
        await other.SendAsync(other.Request(Neighbour, hasBody: true));
        using var connection = await OpenAsync(reads: kind is not ("PING" or "SETTINGS"));
        await connection.SendAsync(connection.Request(Flooded, hasBody: true));

        // Who does not read is the last to notice the end.
        await connection.SendAsync(Flood(connection, kind, count));
        if (kind is "PING" or "SETTINGS")
            connection.Read();

        await connection.EndAsync();
        await other.SendAsync(FrameConnection.EndOfBody(Neighbour));
        (await other.AnswerAsync(Neighbour)).ShouldBe("200");
    }

    private Task<FrameConnection> OpenAsync(bool reads = true) => FrameConnection.OpenAsync(Caller, "model", Port.Grpc.Number, reads);

    /// <summary>The limit of WINDOW_UPDATE counts the frames of data that were sent before.</summary>
    private static async Task ReadSomethingAsync(FrameConnection connection)
    {
        await connection.SendAsync(connection.Request(Flooded + 2, hasBody: false));
        (await connection.AnswerAsync(Flooded + 2)).ShouldBe("200");
    }

    private static byte[] Flood(FrameConnection connection, string kind, int count) =>
        [
            .. Enumerable
                .Range(0, count)
                .SelectMany(i =>
                    kind switch
                    {
                        "empty frames" => FrameConnection.Frame(FrameConnection.Data, 0, Flooded),
                        "PRIORITY" => FrameConnection.Frame(FrameConnection.Priority, 0, Flooded, 0, 0, 0, 0, 16),
                        "WINDOW_UPDATE" => FrameConnection.Frame(FrameConnection.WindowUpdate, 0, 0, 0, 0, 0, 1),
                        "RST_STREAM" => GivenUp(connection, Flooded + 2 + (2 * i)),
                        "PING" => FrameConnection.Frame(FrameConnection.Ping, 0, 0, new byte[8]),
                        _ => FrameConnection.Frame(FrameConnection.Settings, 0, 0),
                    }
                ),
        ];

    /// <summary>A request, and that it is not wanted any more (CANCEL).</summary>
    private static byte[] GivenUp(FrameConnection connection, int stream) =>
        [
            .. connection.Request(stream, hasBody: false, ("x-delay", "5000")),
            .. FrameConnection.Frame(FrameConnection.Reset, 0, stream, 0, 0, 0, 8),
        ];
}
