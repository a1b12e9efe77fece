using System.Buffers;
using System.IO.Pipelines;
using MeshOperator.Kubernetes.Client;

namespace MeshOperator.Kubernetes.Informers;

/// <summary>Reads a watch line by line, and notices when the other end has fallen silent.</summary>
internal static class WatchStream
{
    /// <summary>The most bytes that an event, or an object of a list, may have; etcd takes objects of 1.5 MB.</summary>
    public const int LongestEvent = 16 * 1024 * 1024;
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(15);

    /// <summary>Opens a watch and gives each event to <paramref name="handle"/> until the server ends it.</summary>
    /// <param name="transport">Where to ask.</param>
    /// <param name="resource">What is watched, for messages.</param>
    /// <param name="path">Path and query.</param>
    /// <param name="duration">How long the server was asked to keep it open.</param>
    /// <param name="longestSilence">How long nothing may come, not even the answer's headers or a bookmark.</param>
    /// <param name="time">The clock.</param>
    /// <param name="handle">Is given the kind of event and the object's JSON; what it throws ends the watch.</param>
    /// <param name="cancellation">Ends the watch.</param>
    /// <exception cref="TimeoutException">The connection fell silent, or outlived its time.</exception>
    /// <exception cref="InvalidDataException">A line is no event.</exception>
    public static async Task ReadAsync(
        KubernetesTransport transport,
        string resource,
        string path,
        TimeSpan duration,
        TimeSpan longestSilence,
        TimeProvider time,
        Action<WatchLine.Kind, byte[]> handle,
        CancellationToken cancellation
    )
    {
        using var overdue = new CancellationTokenSource(duration + Grace, time);
        using var silence = new CancellationTokenSource(longestSilence, time);
        using var any = CancellationTokenSource.CreateLinkedTokenSource(overdue.Token, silence.Token, cancellation);
        try
        {
            using var response = await transport.OpenAsync(HttpMethod.Get, path, null, "application/json", any.Token);
            await using var body = await response.Content.ReadAsStreamAsync(any.Token);
            var reader = PipeReader.Create(body);
            try
            {
                while (true)
                {
                    var read = await reader.ReadAsync(any.Token);
                    silence.CancelAfter(longestSilence);
                    var buffer = read.Buffer;
                    while (TryReadLine(ref buffer, out var line))
                    {
                        var (kind, json) = WatchLine.Parse(line);
                        handle(kind, json);
                    }

                    if (buffer.Length > LongestEvent)
                        throw new InvalidDataException($"An event of {resource} is longer than {LongestEvent} bytes.");
                    reader.AdvanceTo(buffer.Start, buffer.End);
                    if (read.IsCompleted)
                        return;
                }
            }
            finally
            {
                await reader.CompleteAsync();
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested && silence.IsCancellationRequested)
        {
            throw new TimeoutException($"The watch of {resource} was silent for {longestSilence.TotalSeconds:0} s.");
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested && overdue.IsCancellationRequested)
        {
            throw new TimeoutException($"The watch of {resource} outlived the {duration.TotalSeconds:0} s it asked for.");
        }
    }

    private static bool TryReadLine(ref ReadOnlySequence<byte> buffer, out ReadOnlySequence<byte> line)
    {
        var end = buffer.PositionOf((byte)'\n');
        if (end is null)
        {
            line = default;
            return false;
        }

        line = buffer.Slice(0, end.Value);
        buffer = buffer.Slice(buffer.GetPosition(1, end.Value));
        return true;
    }
}
