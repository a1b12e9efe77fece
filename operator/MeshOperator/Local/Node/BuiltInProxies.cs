using System.Text.Json.Nodes;
using k8s.Models;
using MeshOperator.Proxy;

namespace MeshOperator.Local.Node;

/// <summary>The built-in proxy, one in this process for each pod.</summary>
internal sealed class BuiltInProxies(ILoggerFactory loggers) : ILocalProxies
{
    /// <summary>On a pod: its proxy is the built-in one, and rejects all routes for the reason that is the value. Shows what a rejected
    /// policy looks like. It has no effect in a cluster.</summary>
    public const string RejectAnnotation = "local.meshoperator.io/reject";

    /// <inheritdoc/>
    public string Description => "the built-in proxy";

    /// <summary>Why a pod's proxy is to reject all routes; null where it is not.</summary>
    public static string? FindRejection(V1Pod pod) =>
        pod.Metadata.Annotations is { } annotations && annotations.TryGetValue(RejectAnnotation, out var reason) ? reason : null;

    /// <inheritdoc/>
    public async Task<ILocalProxy> StartAsync(V1Pod pod, JsonObject bootstrap, string folder, CancellationToken cancellation)
    {
        var options = new MeshProxyOptions
        {
            LoggerFactory = loggers,
            RejectRoutes = FindRejection(pod),
            DrainTimeout = TimeSpan.FromSeconds(2),
        };
        try
        {
            return new Running(await MeshProxy.StartAsync(bootstrap, options, cancellation));
        }
        catch (ArgumentException e)
        {
            throw new FormatException($"its bootstrap cannot be used: {e.Message}", e);
        }
    }

    private sealed class Running(MeshProxy proxy) : ILocalProxy
    {
        private readonly TaskCompletionSource<string> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task<string> Ended => _ended.Task;

        public async ValueTask DisposeAsync()
        {
            await proxy.DisposeAsync();
            _ended.TrySetResult("it was stopped");
        }
    }
}
