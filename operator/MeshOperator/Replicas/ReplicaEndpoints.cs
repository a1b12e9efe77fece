using System.Text.Json.Serialization;
using MeshOperator.Settings;
using MeshOperator.Xds.Server;

namespace MeshOperator.Replicas;

/// <summary>What a replica answers others.</summary>
internal static class ReplicaEndpoints
{
    /// <summary>The report, a line each time something changes; see <see cref="ReplicaFrame"/>.</summary>
    public const string ReportPath = "/v1/report";

    /// <summary>How long ago this replica last had an answer of the API server.</summary>
    public const string ContactPath = "/v1/contact";

    /// <summary>What changes sooner after a line is said in one line with what follows.</summary>
    public static readonly TimeSpan Gather = TimeSpan.FromMilliseconds(500);

    /// <summary>An empty line is sent when there has been none for so long.</summary>
    public static readonly TimeSpan SaysAlive = TimeSpan.FromSeconds(2);

    private static readonly byte[] LineEnd = "\n"u8.ToArray();

    /// <summary>Maps them.</summary>
    public static IReadOnlyList<IEndpointConventionBuilder> MapReplicas(this IEndpointRouteBuilder endpoints) =>
        [
            endpoints.MapGet(ReportPath, ReportAsync),
            endpoints.MapGet(
                ContactPath,
                (ApiContact contact) => Results.Json(new Contact(contact.Elapsed.TotalSeconds), ContactJson.Default.Contact)
            ),
        ];

    private static async Task ReportAsync(
        HttpContext context,
        ReplicaBoard board,
        OperatorOptions options,
        TimeProvider time,
        StreamDrain drain
    )
    {
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(context.RequestAborted, drain.Over);
        context.Response.ContentType = "application/x-ndjson";
        board.Want();
        ReplicaState? said = null;
        try
        {
            while (true)
            {
                var next = await NextAsync(board, said, time, ends.Token);
                var frame = ReferenceEquals(next, said)
                    ? new ReplicaFrame()
                    : ReplicaFrame.Between(said, next) with
                    {
                        Version = said is null ? options.Version : null,
                    };
                said = next;
                await context.Response.Body.WriteAsync(frame.Write(), ends.Token);
                await context.Response.Body.WriteAsync(LineEnd, ends.Token);
                await context.Response.Body.FlushAsync(ends.Token);
                await Task.Delay(Gather, time, ends.Token);
            }
        }
        catch (OperationCanceledException) when (ends.IsCancellationRequested) { }
    }

    /// <summary>What is said now, or what was said last when nothing else has come for a while.</summary>
    private static async Task<ReplicaState> NextAsync(ReplicaBoard board, ReplicaState? said, TimeProvider time, CancellationToken ends)
    {
        using var alive = new CancellationTokenSource(SaysAlive, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(alive.Token, ends);
        try
        {
            return await board.WaitForChangeAsync(said, either.Token);
        }
        catch (OperationCanceledException) when (said is not null && !ends.IsCancellationRequested)
        {
            return said;
        }
    }

    /// <summary>The answer at <see cref="ContactPath"/>.</summary>
    /// <param name="Seconds">How long ago this replica last had an answer of the API server.</param>
    internal sealed record Contact([property: JsonPropertyName("seconds")] double Seconds);
}

[JsonSerializable(typeof(ReplicaEndpoints.Contact))]
internal sealed partial class ContactJson : JsonSerializerContext;
