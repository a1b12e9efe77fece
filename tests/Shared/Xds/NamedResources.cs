using Envoy.Config.Listener.V3;
using Envoy.Extensions.Filters.Network.HttpConnectionManager.V3;
using Envoy.Extensions.TransportSockets.Tls.V3;
using MeshOperator.Xds.Resources;

namespace MeshOperator.Testing;

/// <summary>What a listener names that is sent apart from it, and without which a proxy does not open it.</summary>
internal static class NamedResources
{
    /// <summary>The names, by type; a type without names is left out.</summary>
    public static IReadOnlyDictionary<ResourceType, string[]> Find(Listener listener)
    {
        var filters = listener.FilterChains.SelectMany(chain => chain.Filters).ToList();
        var managers = filters
            .Where(filter => filter.TypedConfig?.Is(HttpConnectionManager.Descriptor) == true)
            .Select(filter => filter.TypedConfig.Unpack<HttpConnectionManager>())
            .ToList();
        var extensions = filters
            .Where(filter => filter.ConfigDiscovery is not null)
            .Select(filter => filter.Name)
            .Concat(
                managers
                    .SelectMany(manager => manager.HttpFilters)
                    .Where(filter => filter.ConfigDiscovery is not null)
                    .Select(filter => filter.Name)
            );
        var secrets = listener
            .FilterChains.Where(chain => chain.TransportSocket is not null)
            .Select(chain =>
                chain.TransportSocket.TypedConfig.Unpack<DownstreamTlsContext>().CommonTlsContext.ValidationContextSdsSecretConfig?.Name
            )
            .OfType<string>();
        var routes = managers.Where(manager => manager.Rds is not null).Select(manager => manager.Rds.RouteConfigName);
        return new[] { (ResourceType.Route, routes), (ResourceType.Extension, extensions), (ResourceType.Secret, secrets) }
            .Select(pair => (Type: pair.Item1, Names: pair.Item2.Distinct().ToArray()))
            .Where(pair => pair.Names.Length > 0)
            .ToDictionary(pair => pair.Type, pair => pair.Names);
    }
}
