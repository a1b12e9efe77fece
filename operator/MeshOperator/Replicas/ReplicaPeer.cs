using System.Buffers;
using System.IO.Pipelines;
using System.Net;
using System.Net.Http.Json;

namespace MeshOperator.Replicas;

/// <summary>Asks one other replica, each time over a connection of its own, with the certificate of that time.</summary>
internal sealed class ReplicaPeer(IPEndPoint address, ReplicaTls tls, TimeProvider time)
{
    /// <summary>Far more than a replica with 20,000 proxies says at once.</summary>
    private const int LongestLine = 64 * 1024 * 1024;

    private static readonly TimeSpan AnswersWithin = TimeSpan.FromSeconds(3);

    /// <summary>A replica that has been silent for so long is taken for gone.</summary>
    private static readonly TimeSpan LongestSilence = ReplicaEndpoints.SaysAlive * 3;

    /// <summary>Where it is.</summary>
    public IPEndPoint Address => address;

    /// <summary>Reads the replica's report until it ends.</summary>
    /// <param name="read">Is given each line.</param>
    /// <param name="cancellation">Ends the reading.</param>
    /// <exception cref="IOException">The replica does not answer any more.</exception>
    /// <exception cref="HttpRequestException">It cannot be reached.</exception>
    /// <exception cref="FormatException">It sent something else.</exception>
    public async Task ReadReportAsync(Action<ReplicaFrame> read, CancellationToken cancellation)
    {
        using var client = Connect();
        using var response = await WithinAsync(
            AnswersWithin,
            token => client.GetAsync(Path(ReplicaEndpoints.ReportPath), HttpCompletionOption.ResponseHeadersRead, token),
            cancellation
        );
        response.EnsureSuccessStatusCode();
        var reader = PipeReader.Create(await response.Content.ReadAsStreamAsync(cancellation));
        while (true)
        {
            var result = await WithinAsync(LongestSilence, token => reader.ReadAsync(token).AsTask(), cancellation);
            var buffer = result.Buffer;
            while (buffer.PositionOf((byte)'\n') is { } end)
            {
                read(ReplicaFrame.Read(buffer.Slice(0, end).ToArray()));
                buffer = buffer.Slice(buffer.GetPosition(1, end));
            }

            if (buffer.Length > LongestLine)
                throw new FormatException($"a replica sent a line of more than {LongestLine} bytes");
            reader.AdvanceTo(buffer.Start, buffer.End);
            if (result.IsCompleted)
                throw new IOException("the replica has ended its report");
        }
    }

    /// <summary>How long ago the replica last had an answer of the API server; null when it does not answer.</summary>
    public async Task<TimeSpan?> FindContactAsync(CancellationToken cancellation)
    {
        try
        {
            using var client = Connect();
            var contact = await WithinAsync(
                AnswersWithin,
                token => client.GetFromJsonAsync(Path(ReplicaEndpoints.ContactPath), ContactJson.Default.Contact, token),
                cancellation
            );
            return contact is null ? null : TimeSpan.FromSeconds(contact.Seconds);
        }
        catch (Exception e) when (e is HttpRequestException or IOException or System.Text.Json.JsonException)
        {
            return null;
        }
    }

    private static Uri Path(string path) => new(path, UriKind.Relative);

    private HttpClient Connect() =>
        new(
            new SocketsHttpHandler
            {
                ConnectTimeout = AnswersWithin,
                SslOptions = tls.Client(),
                UseProxy = false,
            }
        )
        {
            BaseAddress = new Uri($"https://{address}"),
            DefaultRequestVersion = HttpVersion.Version20,
            DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Timeout = Timeout.InfiniteTimeSpan,
        };

    private async Task<T> WithinAsync<T>(TimeSpan longest, Func<CancellationToken, Task<T>> ask, CancellationToken cancellation)
    {
        using var timeout = new CancellationTokenSource(longest, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellation);
        try
        {
            return await ask(either.Token);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new IOException("the replica does not answer");
        }
    }
}
