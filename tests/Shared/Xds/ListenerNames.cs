using Envoy.Config.Listener.V3;
using Envoy.Extensions.Filters.Network.HttpConnectionManager.V3;
using Envoy.Extensions.TransportSockets.Tls.V3;
using MeshOperator.Xds.Resources;

namespace MeshOperator.Testing;

/// <summary>What a listener names that is sent apart from it, and without which a proxy does not open it.</summary>
internal static class ListenerNames
{
    /// <summary>Subscribes to all of it and acknowledges it.</summary>
    public static async Task FetchNamedAsync(this DeltaClient client, Listener listener)
    {
        var managers = listener
            .FilterChains.SelectMany(chain => chain.Filters)
            .Where(filter => filter.TypedConfig?.Is(HttpConnectionManager.Descriptor) == true)
            .Select(filter => filter.TypedConfig.Unpack<HttpConnectionManager>())
            .ToList();
        var extensions = listener
            .FilterChains.SelectMany(chain => chain.Filters)
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
        var missing = new HashSet<(string Type, string Name)>();
        await SubscribeAsync(
            ResourceType.Route,
            managers.Where(manager => manager.Rds is not null).Select(manager => manager.Rds.RouteConfigName)
        );
        await SubscribeAsync(ResourceType.Extension, extensions);
        await SubscribeAsync(ResourceType.Secret, secrets);
        while (missing.Count > 0)
        {
            // Others may come in between.
            var response = await client.NextAsync();
            missing.ExceptWith(response.Resources.Select(resource => (response.TypeUrl, resource.Name)));
            await client.AcknowledgeAsync(response);
        }

        async Task SubscribeAsync(ResourceType type, IEnumerable<string> names)
        {
            string[] distinct = [.. names.Distinct()];
            missing.UnionWith(distinct.Select(name => (type.Url(), name)));
            if (distinct.Length > 0)
                await client.SubscribeAsync(type, distinct);
        }
    }
}
