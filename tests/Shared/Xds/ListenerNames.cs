using Envoy.Config.Listener.V3;
using MeshOperator.Xds.Resources;

namespace MeshOperator.Testing;

/// <summary>A client that takes a listener as Envoy does.</summary>
internal static class ListenerNames
{
    /// <summary>Subscribes to all that a listener names and acknowledges it.</summary>
    public static async Task FetchNamedAsync(this DeltaClient client, Listener listener)
    {
        var missing = new HashSet<(string Type, string Name)>();
        foreach (var (type, names) in NamedResources.Find(listener))
        {
            missing.UnionWith(names.Select(name => (type.Url(), name)));
            await client.SubscribeAsync(type, names);
        }

        while (missing.Count > 0)
        {
            // Others may come in between.
            var response = await client.NextAsync();
            missing.ExceptWith(response.Resources.Select(resource => (response.TypeUrl, resource.Name)));
            await client.AcknowledgeAsync(response);
        }
    }
}
