using System.Globalization;
using MeshOperator.Proxy.Matching;
using MeshOperator.Proxy.Routing;
using MeshOperator.Proxy.Statistics;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace MeshOperator.Proxy.Exchanges;

/// <summary>One request on its way through the proxy, and its response.</summary>
internal sealed class Exchange(HttpContext context, RequestView request, ExchangeSettings settings)
{
    private readonly List<(string Name, string Value)> _responseHeaders = [];

    /// <summary>The HTTP server's context.</summary>
    public HttpContext Context => context;

    /// <summary>The request as conditions see it.</summary>
    public RequestView Request => request;

    /// <summary>What its connection manager says.</summary>
    public ExchangeSettings Settings => settings;

    /// <summary>Where it goes; null when no route is for it.</summary>
    public RouteRule? Route { get; init; }

    /// <summary>Headers that the route configuration takes out of responses.</summary>
    public IReadOnlyList<string> ResponseHeadersToRemove { get; init; } = [];

    /// <summary>Ends when the client has gone.</summary>
    public CancellationToken Aborted => context.RequestAborted;

    /// <summary>Adds a header to the response, whoever makes it.</summary>
    public void AddResponseHeader(string name, string value) => _responseHeaders.Add((name, value));

    /// <summary>The value of a header that was added, or null.</summary>
    public string? AddedResponseHeader(string name) =>
        _responseHeaders.Find(header => header.Name == name) is { Name: not null } found ? found.Value : null;

    /// <summary>Takes back a header that was added.</summary>
    public void RemoveResponseHeader(string name) => _responseHeaders.RemoveAll(header => header.Name == name);

    /// <summary>Puts the added headers into the response, and takes out those that the routes do.</summary>
    public void CompleteResponseHeaders()
    {
        var headers = context.Response.Headers;
        foreach (var name in ResponseHeadersToRemove)
            headers.Remove(name);
        foreach (var (name, value) in _responseHeaders)
            headers.Append(name, value);
    }

    /// <summary>Answers in the server's place. A call of gRPC is answered as gRPC.</summary>
    /// <param name="status">The status.</param>
    /// <param name="body">Why.</param>
    /// <param name="flag">Envoy's flag of the failure, for example <c>UF</c>, or null. Answers can have headers by it.</param>
    /// <param name="grpcStatus">The status for gRPC when it is not the one that belongs to <paramref name="status"/>.</param>
    public async Task ReplyAsync(int status, string body, string? flag = null, int? grpcStatus = null)
    {
        if (context.Response.HasStarted)
        {
            context.Abort();
            return;
        }

        var headers = context.Response.Headers;
        headers.Clear();
        CompleteResponseHeaders();
        if (flag is not null && settings.OnFailure.TryGetValue(flag, out var changes))
            changes.Apply(headers);
        if (request.IsGrpc)
        {
            context.Response.StatusCode = StatusCodes.Status200OK;
            headers.ContentType = "application/grpc";
            headers["grpc-status"] = (grpcStatus ?? GrpcStatus(status)).ToString(CultureInfo.InvariantCulture);
            if (body.Length > 0)
                headers["grpc-message"] = Uri.EscapeDataString(body).Replace("%20", " ", StringComparison.Ordinal);
            await context.Response.CompleteAsync();
            return;
        }

        context.Response.StatusCode = status;
        context.Features.Get<IHttpResponseFeature>()!.ReasonPhrase = null;
        if (body.Length == 0)
            return;
        headers.ContentType = "text/plain";
        headers.ContentLength = System.Text.Encoding.UTF8.GetByteCount(body);
        if (HttpMethods.IsHead(context.Request.Method))
            return;
        await context.Response.WriteAsync(body, Aborted);
    }

    /// <summary>As gRPC maps the statuses of HTTP, but for a timeout, which it knows itself.</summary>
    private static int GrpcStatus(int status) =>
        status switch
        {
            400 => 13,
            401 => 16,
            403 => 7,
            404 => 12,
            429 or 502 or 503 => 14,
            504 => 4,
            _ => 2,
        };
}

/// <summary>What a connection manager says of all of its exchanges.</summary>
/// <param name="StatPrefix">Its name in statistics.</param>
/// <param name="OnFailure">Headers of its own answers, by Envoy's flag of the failure.</param>
/// <param name="IdleTimeout">How long nothing may come or go; null for ever.</param>
/// <param name="Statistics">Where it counts.</param>
/// <param name="Runtime">The runtime values.</param>
internal sealed record ExchangeSettings(
    string StatPrefix,
    IReadOnlyDictionary<string, HeaderChanges> OnFailure,
    TimeSpan? IdleTimeout,
    ProxyStatistics Statistics,
    RuntimeValues Runtime
);
