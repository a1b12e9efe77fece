using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text.Json;
using MeshOperator.Kubernetes.Metrics;
using K8sClient = k8s.Kubernetes;

namespace MeshOperator.Kubernetes.Client;

/// <summary>Requests to the API server over the HTTP client and credentials of a KubernetesClient, with our own reading of
/// answers.</summary>
public sealed class KubernetesTransport
{
    private const int LongestErrorBody = 64 * 1024;

    /// <summary>How soon those that wait for the server ask it once it has answered somebody else; shortened at random by up to half, so
    /// that not all ask at once.</summary>
    private static readonly TimeSpan AfterAnswer = TimeSpan.FromMilliseconds(400);

    private readonly K8sClient _client;
    private readonly TimeProvider _time;
    private readonly KubernetesResilience _resilience;
    private readonly Func<double> _random;
    private long _clockDifference;
    private TaskCompletionSource? _answer;

    /// <summary>Makes a transport over a client, which stays its owner's.</summary>
    /// <param name="client">The client.</param>
    /// <param name="time">The clock of timeouts and pauses.</param>
    /// <param name="options">How patient it is; null for the defaults.</param>
    /// <param name="random">The source of jitter, from several threads at once; null for the operating system's.</param>
    public KubernetesTransport(K8sClient client, TimeProvider time, KubernetesTransportOptions? options = null, Random? random = null)
    {
        _client = client;
        _time = time;
        _random = random is null ? FromSystem : random.NextDouble;
        _resilience = new KubernetesResilience(options ?? new KubernetesTransportOptions(), time, _random);
        KubernetesMetrics.Circuits.Add(_resilience, "server", client.BaseUri.Authority, static r => r.CircuitState);
    }

    /// <summary>How far the API server's clock is ahead of this machine's (or, below zero, behind), to a second or two, as of the last
    /// answer; zero before the first.</summary>
    public TimeSpan ClockDifference => TimeSpan.FromTicks(Interlocked.Read(ref _clockDifference));

    /// <summary>Whether an error says that the server could not be reached, and nothing of what it would have answered.</summary>
    public static bool IsUnreachable(Exception error) =>
        error
            is HttpRequestException
                or IOException
                or TimeoutException
                or KubernetesApiException { Reason: KubernetesApiException.CircuitOpen };

    /// <summary>Waits for a pause after the server could not be reached; only until it answers any request, a watch among them, and then
    /// for a moment at random. An answer that says that the server is overwhelmed or not there (429, 500 and above) is none.</summary>
    /// <exception cref="OperationCanceledException">The wait was cancelled.</exception>
    public async Task PauseAsync(TimeSpan pause, CancellationToken cancellation)
    {
        using var ends = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var whole = Task.Delay(pause, _time, ends.Token);
        var answer = WaitForAnswerAsync(ends.Token);
        if (await Task.WhenAny(whole, answer) == answer)
            await Task.WhenAny(whole, Task.Delay(AfterAnswer * (1 - (_random() / 2)), _time, ends.Token));
        await ends.CancelAsync();
        cancellation.ThrowIfCancellationRequested();
    }

    /// <summary>Sends a request and reads the whole answer. What is safe to repeat is repeated after a transient failure: a GET, and
    /// others if they certainly were not carried out.</summary>
    /// <param name="method">The HTTP method.</param>
    /// <param name="pathAndQuery">Relative to the server's address.</param>
    /// <param name="body">The body as JSON, or null.</param>
    /// <param name="contentType">The body's media type.</param>
    /// <param name="cancellation">Ends the wait; each attempt has a timeout besides.</param>
    /// <returns>The answer's body.</returns>
    /// <exception cref="KubernetesApiException">The server answered with a status of 400 or above; or nothing was sent, because it
    /// failed too often (reason <see cref="KubernetesApiException.CircuitOpen"/>).</exception>
    /// <exception cref="HttpRequestException">There was no connection, or it broke.</exception>
    /// <exception cref="TimeoutException">It did not answer in time.</exception>
    public Task<byte[]> SendAsync(
        HttpMethod method,
        string pathAndQuery,
        byte[]? body,
        string contentType,
        CancellationToken cancellation
    ) => SendAsync(method, pathAndQuery, body, contentType, static (content, token) => content.ReadAsByteArrayAsync(token), cancellation);

    /// <summary>Sends a GET as <see cref="SendAsync(HttpMethod, string, byte[], string, CancellationToken)"/> does, and reads the answer's
    /// body as it comes.</summary>
    /// <param name="pathAndQuery">Relative to the server's address.</param>
    /// <param name="accept">The media types that are asked for, as in the header.</param>
    /// <param name="read">Reads the body of the media type that it is given, within the timeout of the attempt. After a transient
    /// failure, its <see cref="IOException"/> when the connection breaks among them, it is called again with a body from the
    /// beginning.</param>
    /// <param name="cancellation">Ends the wait.</param>
    /// <returns>What <paramref name="read"/> made of the body.</returns>
    /// <exception cref="IOException">The connection broke within the body.</exception>
    public Task<T> ReadAsync<T>(
        string pathAndQuery,
        string accept,
        Func<Stream, string?, CancellationToken, Task<T>> read,
        CancellationToken cancellation
    ) =>
        _resilience.SendAsync(
            HttpMethod.Get,
            pathAndQuery,
            async token =>
            {
                using var request = CreateRequest(HttpMethod.Get, pathAndQuery, accept);
                using var response = await OpenAsync(request, HttpMethod.Get.Method, pathAndQuery, token);
                await using var stream = await response.Content.ReadAsStreamAsync(token);
                return await read(stream, response.Content.Headers.ContentType?.MediaType, token);
            },
            cancellation
        );

    /// <summary>Sends a request and returns when the answer's headers are there, to read its body as it comes. It is sent once, without
    /// a timeout, and does not count for the circuit breaker.</summary>
    public Task<HttpResponseMessage> OpenAsync(
        HttpMethod method,
        string pathAndQuery,
        byte[]? body,
        string contentType,
        CancellationToken cancellation
    ) => OpenAsync(method, "WATCH", pathAndQuery, body, contentType, cancellation);

    private Task WaitForAnswerAsync(CancellationToken cancellation)
    {
        var mine = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        return (Interlocked.CompareExchange(ref _answer, mine, null) ?? mine).Task.WaitAsync(cancellation);
    }

    private Task<T> SendAsync<T>(
        HttpMethod method,
        string pathAndQuery,
        byte[]? body,
        string contentType,
        Func<HttpContent, CancellationToken, Task<T>> read,
        CancellationToken cancellation
    ) =>
        _resilience.SendAsync(
            method,
            pathAndQuery,
            async token =>
            {
                using var response = await OpenAsync(method, method.Method, pathAndQuery, body, contentType, token);
                return await read(response.Content, token);
            },
            cancellation
        );

    private async Task<HttpResponseMessage> OpenAsync(
        HttpMethod method,
        string verb,
        string pathAndQuery,
        byte[]? body,
        string contentType,
        CancellationToken cancellation
    )
    {
        using var request = CreateRequest(method, pathAndQuery, "application/json");
        if (body is not null)
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue(contentType);
        }

        return await OpenAsync(request, verb, pathAndQuery, cancellation);
    }

    private HttpRequestMessage CreateRequest(HttpMethod method, string pathAndQuery, string accept)
    {
        var request = new HttpRequestMessage(method, new Uri(_client.BaseUri, pathAndQuery))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionOrLower,
        };
        request.Headers.TryAddWithoutValidation("Accept", accept);
        return request;
    }

    private async Task<HttpResponseMessage> OpenAsync(
        HttpRequestMessage request,
        string verb,
        string pathAndQuery,
        CancellationToken cancellation
    )
    {
        HttpResponseMessage response;
        try
        {
            if (_client.Credentials is not null)
                await _client.Credentials.ProcessHttpRequestAsync(request, cancellation);
            response = await _client.HttpClient.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
        }
        catch (Exception e)
        {
            Count(verb, e is OperationCanceledException ? "cancelled" : "error");
            throw;
        }

        if (response.Headers.Date is { } date)
            Interlocked.Exchange(ref _clockDifference, (date - _time.GetUtcNow()).Ticks);
        Count(verb, ((int)response.StatusCode).ToString(CultureInfo.InvariantCulture));
        if (response.StatusCode is not HttpStatusCode.TooManyRequests and < HttpStatusCode.InternalServerError)
            Interlocked.Exchange(ref _answer, null)?.TrySetResult();
        if (response.IsSuccessStatusCode)
            return response;
        using (response)
            throw await ReadErrorAsync(request.Method, pathAndQuery, response, cancellation);
    }

    private static void Count(string verb, string code) =>
        KubernetesMetrics.ApiRequests.Add(
            1,
            new KeyValuePair<string, object?>("verb", verb),
            new KeyValuePair<string, object?>("code", code)
        );

    private static double FromSystem() => RandomNumberGenerator.GetInt32(1 << 24) / (double)(1 << 24);

    private async Task<KubernetesApiException> ReadErrorAsync(
        HttpMethod method,
        string pathAndQuery,
        HttpResponseMessage response,
        CancellationToken cancellation
    )
    {
        var retryAfter = response.Headers.RetryAfter switch
        {
            { Delta: { } delta } => delta,
            { Date: { } date } => date - _time.GetUtcNow(),
            _ => (TimeSpan?)null,
        };
        var (reason, message) = (response.StatusCode.ToString(), response.ReasonPhrase ?? string.Empty);
        var body = await response.Content.ReadAsByteArrayAsync(cancellation);
        if (body.Length is > 0 and <= LongestErrorBody && response.Content.Headers.ContentType?.MediaType == "application/json")
        {
            try
            {
                using var status = JsonDocument.Parse(body);
                if (status.RootElement.TryGetProperty("reason", out var r) && r.GetString() is { Length: > 0 } given)
                    reason = given;
                if (status.RootElement.TryGetProperty("message", out var m))
                    message = m.GetString() ?? message;
            }
            catch (JsonException)
            {
                message = "the answer is not JSON";
            }
        }

        return new KubernetesApiException(response.StatusCode, reason, $"{method} {pathAndQuery}: {message}", retryAfter);
    }
}
