using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Threading.Channels;
using MeshOperator.Settings;

namespace MeshOperator.Shifts.Announcing;

/// <summary>Sends an event of each transition to the address of the operator's option, in order, a few times each. Best effort: what waits
/// when the operator ends is lost, and so is what does not fit into the queue. The address may have a secret in it, and is not
/// logged.</summary>
internal sealed class ShiftAnnouncer(
    OperatorOptions options,
    AnnouncementMetrics metrics,
    TimeProvider time,
    ILogger<ShiftAnnouncer> logger
) : BackgroundService
{
    private const int MostWaiting = 256;
    private static readonly TimeSpan AnswersWithin = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan[] Waits = [TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(4), TimeSpan.FromSeconds(15)];

    private readonly Channel<ShiftCloudEvent> _queue = Channel.CreateBounded<ShiftCloudEvent>(MostWaiting);
    private readonly Uri? _url = options.ShiftEventsUrl;

    /// <summary>Sends an event, later.</summary>
    public void Announce(ShiftCloudEvent cloudEvent)
    {
        if (_url is not null && !_queue.Writer.TryWrite(cloudEvent))
            Lose(cloudEvent, "too many wait to be sent");
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (_url is null)
            return;
        using var handler = new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false };
        using var client = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        try
        {
            await foreach (var cloudEvent in _queue.Reader.ReadAllAsync(stoppingToken))
                await SendAsync(client, cloudEvent, stoppingToken);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested) { }
    }

    private async Task SendAsync(HttpClient client, ShiftCloudEvent cloudEvent, CancellationToken cancellation)
    {
        for (var tries = 0; ; tries++)
        {
            var (problem, isFinal) = await TryAsync(client, cloudEvent, cancellation);
            if (problem is null)
            {
                metrics.CountSent();
                return;
            }

            if (isFinal || tries == Waits.Length)
            {
                Lose(cloudEvent, problem);
                return;
            }

            await Task.Delay(Waits[tries], time, cancellation);
        }
    }

    /// <summary>Why an event was not taken, and whether that will stay so.</summary>
    private async Task<(string? Problem, bool IsFinal)> TryAsync(
        HttpClient client,
        ShiftCloudEvent cloudEvent,
        CancellationToken cancellation
    )
    {
        using var timeout = new CancellationTokenSource(AnswersWithin, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellation, timeout.Token);
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, _url);
            request.Content = new ByteArrayContent(JsonSerializer.SerializeToUtf8Bytes(cloudEvent, CloudEventJson.Default.ShiftCloudEvent));
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/cloudevents+json", "utf-8");
            using var response = await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, either.Token);
            if (response.IsSuccessStatusCode)
                return (null, true);
            var mayPass =
                response.StatusCode is HttpStatusCode.RequestTimeout or HttpStatusCode.TooManyRequests || (int)response.StatusCode >= 500;
            return (FormattableString.Invariant($"it was answered {(int)response.StatusCode}"), !mayPass);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return (FormattableString.Invariant($"no answer within {AnswersWithin.TotalSeconds:0} s"), false);
        }
        catch (HttpRequestException e)
        {
            return (e.HttpRequestError.ToString(), false);
        }
    }

    private void Lose(ShiftCloudEvent cloudEvent, string problem)
    {
        Log.ShiftEventLost(logger, cloudEvent.Type, $"{cloudEvent.Data.Namespace}/{cloudEvent.Data.Split}", problem);
        metrics.CountLost();
    }
}
