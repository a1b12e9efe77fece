using System.Net;
using MeshOperator.Proxy.Exchanges;
using MeshOperator.Proxy.Routing;
using MeshOperator.Proxy.Upstream;

namespace MeshOperator.Proxy.Forwarding;

/// <summary>Sends copies of requests, whose responses nobody sees.</summary>
internal sealed class RequestMirror(ClusterStore clusters, TimeProvider time)
{
    private static readonly TimeSpan LongestResponse = TimeSpan.FromSeconds(15);

    private static readonly HashSet<string> HopByHop = new(StringComparer.OrdinalIgnoreCase)
    {
        "connection",
        "host",
        "keep-alive",
        "proxy-connection",
        "te",
        "transfer-encoding",
        "upgrade",
        "expect",
    };

    /// <summary>Sends a copy, and does not wait for it.</summary>
    public void Send(Mirror mirror, Exchange exchange, ReplayBody? body)
    {
        if (clusters.Find(mirror.Cluster) is not { } cluster || cluster.Choose(null, [], null) is not { } host)
            return;

        // Made here, as the request may be over before the copy is.
        var message = Message(mirror, exchange, body, cluster, host);
        _ = SendAsync(message, cluster, host);
    }

    private static HttpRequestMessage Message(
        Mirror mirror,
        Exchange exchange,
        ReplayBody? body,
        UpstreamCluster cluster,
        UpstreamHost host
    )
    {
        var request = exchange.Context.Request;
        var message = new HttpRequestMessage(new HttpMethod(request.Method), Attempt.Target(host, exchange.Request))
        {
            Version = cluster.VersionFor(request.Protocol),
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = body is null ? null : new StreamContent(body.Open()),
        };
        foreach (var (name, values) in request.Headers.Where(header => !HopByHop.Contains(header.Key)))
        {
            if (!message.Headers.TryAddWithoutValidation(name, (IEnumerable<string>)values.ToArray()!))
                message.Content?.Headers.TryAddWithoutValidation(name, (IEnumerable<string>)values.ToArray()!);
        }

        message.Headers.Host = mirror.MarksHost ? Shadow(exchange.Request.Authority) : exchange.Request.Authority;
        return message;
    }

    private async Task SendAsync(HttpRequestMessage message, UpstreamCluster cluster, UpstreamHost host)
    {
        using var timeout = new CancellationTokenSource(LongestResponse, time);
        cluster.Statistics.Count("cluster", cluster.StatName, "upstream_rq_total");
        host.Begin();
        try
        {
            using (message)
            {
                using var response = await cluster.GetTransport(host).Invoker.SendAsync(message, timeout.Token);
                cluster.Statistics.CountResponse("cluster", cluster.StatName, "upstream_rq", (int)response.StatusCode);
                cluster.Answered(
                    host,
                    (int)response.StatusCode,
                    name => response.Headers.TryGetValues(name, out var all) ? string.Join(',', all) : null
                );
                await response.Content.CopyToAsync(Stream.Null, timeout.Token);
            }
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException or OperationCanceledException)
        {
            cluster.Failed(host);
        }
        finally
        {
            host.End();
        }
    }

    /// <summary>The host of a copy, before its port.</summary>
    private static string Shadow(string authority)
    {
        var port = authority.LastIndexOf(':');
        return port < 0 || authority.EndsWith(']') ? $"{authority}-shadow" : $"{authority[..port]}-shadow{authority[port..]}";
    }
}
