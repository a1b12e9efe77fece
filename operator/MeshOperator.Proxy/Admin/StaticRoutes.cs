using System.Net.Http.Headers;
using System.Net.Security;
using System.Net.Sockets;
using MeshOperator.Proxy.Bootstrap;
using MeshOperator.Proxy.Listeners;
using Microsoft.AspNetCore.Http;

namespace MeshOperator.Proxy.Admin;

/// <summary>Answers what listeners of the bootstrap are asked: readiness, metrics, and the application's probes.</summary>
internal sealed class StaticRoutes : IRequestHandler, IDisposable
{
    private const string AdminCluster = "admin";

    private readonly StaticListener _listener;
    private readonly IReadOnlyDictionary<string, StaticCluster> _clusters;
    private readonly AdminPages _admin;
    private readonly TimeProvider _time;
    private readonly HttpMessageInvoker _invoker;

    /// <summary>Makes it.</summary>
    public StaticRoutes(StaticListener listener, ProxyConfiguration configuration, AdminPages admin, TimeProvider time)
    {
        _listener = listener;
        _clusters = configuration.Clusters;
        _admin = admin;
        _time = time;
#pragma warning disable CA5359 // As the kubelet does: a probe does not look at the certificate.
        _invoker = new HttpMessageInvoker(
            new SocketsHttpHandler
            {
                ActivityHeadersPropagator = null,
                AllowAutoRedirect = false,
                PooledConnectionLifetime = TimeSpan.Zero,
                SslOptions = new SslClientAuthenticationOptions { RemoteCertificateValidationCallback = (_, _, _, _) => true },
                UseCookies = false,
                UseProxy = false,
            }
        );
#pragma warning restore CA5359
    }

    /// <inheritdoc/>
    public async Task HandleAsync(HttpContext context, ProxiedConnection connection)
    {
        var path = context.Request.Path.Value ?? "/";
        if (_listener.Checks.TryGetValue(path, out var check))
        {
            context.Response.StatusCode = await IsHealthyAsync(_clusters[check], context.RequestAborted) ? 200 : 503;
            return;
        }

        var route = _listener.Routes.FirstOrDefault(route =>
            (route.Path is null || route.Path == path) && (route.Method is null || route.Method == context.Request.Method)
        );
        if (route?.Cluster is null)
        {
            context.Response.StatusCode = route?.Status ?? StatusCodes.Status404NotFound;
            await context.Response.WriteAsync(route?.Body ?? "", context.RequestAborted);
        }
        else if (route.Cluster == AdminCluster)
        {
            await _admin.AnswerAsync(context, route.Target ?? path);
        }
        else
        {
            await PassAsync(context, route, _clusters[route.Cluster]);
        }
    }

    /// <summary>Ends kept connections.</summary>
    public void Dispose() => _invoker.Dispose();

    private async Task PassAsync(HttpContext context, StaticRoute route, StaticCluster cluster)
    {
        var url = new Uri($"{(cluster.IsTls ? "https" : "http")}://{cluster.Address}{route.Target ?? context.Request.Path.Value}");
        using var request = new HttpRequestMessage(new HttpMethod(context.Request.Method), url);
        foreach (var (name, values) in context.Request.Headers)
            request.Headers.TryAddWithoutValidation(name, (IEnumerable<string>)values.ToArray()!);
        try
        {
            using var response = await _invoker.SendAsync(request, context.RequestAborted);
            context.Response.StatusCode = (int)response.StatusCode;
            Copy(response.Headers);
            Copy(response.Content.Headers);
            foreach (var name in route.HeadersToRemove)
                context.Response.Headers.Remove(name);
            context.Response.Headers.Remove("transfer-encoding");
            await response.Content.CopyToAsync(context.Response.Body, context.RequestAborted);
        }
        catch (HttpRequestException exception)
        {
            context.Response.StatusCode = StatusCodes.Status503ServiceUnavailable;
            await context.Response.WriteAsync(exception.Message, context.RequestAborted);
        }

        void Copy(HttpHeaders headers)
        {
            foreach (var (name, values) in headers.NonValidated)
                context.Response.Headers[name] = values.ToArray();
        }
    }

    private async Task<bool> IsHealthyAsync(StaticCluster cluster, CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(cluster.Timeout, _time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        try
        {
            if (cluster.Check is StaticCheck.Grpc)
                return await GrpcHealth.IsServingAsync(_invoker, cluster, either.Token);
            using var socket = new Socket(cluster.Address.AddressFamily, SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(cluster.Address, either.Token);
            return true;
        }
        catch (Exception exception) when (exception is SocketException or HttpRequestException or OperationCanceledException or IOException)
        {
            return false;
        }
    }
}
