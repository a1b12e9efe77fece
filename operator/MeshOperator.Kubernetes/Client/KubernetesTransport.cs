using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using k8s;
using K8sClient = k8s.Kubernetes;

namespace MeshOperator.Kubernetes.Client;

/// <summary>Requests to the API server over the HTTP client and credentials of a KubernetesClient, with our own reading of answers.</summary>
public sealed class KubernetesTransport
{
    private const int LongestErrorBody = 64 * 1024;
    private static readonly TimeSpan RequestTimeout = TimeSpan.FromSeconds(30);
    private readonly K8sClient _client;
    private readonly TimeProvider _time;

    /// <summary>Makes a transport over a client, which stays its owner's.</summary>
    public KubernetesTransport(K8sClient client, TimeProvider time)
    {
        _client = client;
        _time = time;
    }

    /// <summary>Sends a request and reads the whole answer.</summary>
    /// <param name="method">The HTTP method.</param>
    /// <param name="pathAndQuery">Relative to the server's address.</param>
    /// <param name="body">The body as JSON, or null.</param>
    /// <param name="contentType">The body's media type.</param>
    /// <param name="cancellation">Ends the wait; without it the request ends after 30 s.</param>
    /// <returns>The answer's body.</returns>
    /// <exception cref="KubernetesApiException">The server answered with a status of 400 or above.</exception>
    public async Task<byte[]> SendAsync(
        HttpMethod method, string pathAndQuery, byte[]? body, string contentType, CancellationToken cancellation)
    {
        using var timeout = new CancellationTokenSource(RequestTimeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellation);
        try
        {
            using var response = await OpenAsync(method, pathAndQuery, body, contentType, either.Token);
            return await response.Content.ReadAsByteArrayAsync(either.Token);
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested && !cancellation.IsCancellationRequested)
        {
            throw new TimeoutException($"{method} {pathAndQuery} was not answered within {RequestTimeout.TotalSeconds:0} s.");
        }
    }

    /// <summary>Sends a request and returns when the answer's headers are there, to read its body as it comes.</summary>
    public async Task<HttpResponseMessage> OpenAsync(
        HttpMethod method, string pathAndQuery, byte[]? body, string contentType, CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(method, new Uri(_client.BaseUri, pathAndQuery))
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionOrLower,
        };
        request.Headers.Accept.Add(new MediaTypeWithQualityHeaderValue("application/json"));
        if (body is not null)
        {
            request.Content = new ByteArrayContent(body);
            request.Content.Headers.ContentType = new MediaTypeHeaderValue(contentType);
        }

        if (_client.Credentials is not null) await _client.Credentials.ProcessHttpRequestAsync(request, cancellation);
        var response = await _client.HttpClient.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
        if (response.IsSuccessStatusCode) return response;
        using (response) throw await ReadErrorAsync(method, pathAndQuery, response, cancellation);
    }

    private async Task<KubernetesApiException> ReadErrorAsync(
        HttpMethod method, string pathAndQuery, HttpResponseMessage response, CancellationToken cancellation)
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
                if (status.RootElement.TryGetProperty("reason", out var r) && r.GetString() is { Length: > 0 } given) reason = given;
                if (status.RootElement.TryGetProperty("message", out var m)) message = m.GetString() ?? message;
            }
            catch (JsonException)
            {
                message = "the answer is not JSON";
            }
        }

        return new KubernetesApiException(response.StatusCode, reason, $"{method} {pathAndQuery}: {message}", retryAfter);
    }
}
