using System.Collections.Concurrent;
using Envoy.Config.Core.V3;
using Envoy.Extensions.Filters.Network.TcpProxy.V3;
using MeshOperator.Proxy.Resources;
using NetworkRbac = Envoy.Extensions.Filters.Network.Rbac.V3.RBAC;

namespace MeshOperator.Proxy.Filters;

/// <summary>Filters that are resources of their own. What uses one asks for it at each request or connection.</summary>
internal sealed class ExtensionStore(TimeProvider time)
{
    private readonly ConcurrentDictionary<string, IHttpFilter> _http = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, object> _network = new(StringComparer.Ordinal);

    /// <summary>Takes a filter.</summary>
    /// <exception cref="ArgumentException">Something in it cannot be had here.</exception>
    public void Set(TypedExtensionConfig extension)
    {
        var message = ResourceReader.Unpack(extension.TypedConfig);
        switch (message)
        {
            case NetworkRbac access:
                _network[extension.Name] = new ConnectionAccess(access);
                break;
            case TcpProxy proxy:
                _network[extension.Name] = new TcpTarget(proxy);
                break;
            default:
                _http[extension.Name] = HttpFilters.Make(extension.TypedConfig, time);
                break;
        }
    }

    /// <summary>A filter of requests, or null.</summary>
    public IHttpFilter? FindHttp(string name) => _http.GetValueOrDefault(name);

    /// <summary>A filter of connections, or null.</summary>
    public object? FindNetwork(string name) => _network.GetValueOrDefault(name);
}
