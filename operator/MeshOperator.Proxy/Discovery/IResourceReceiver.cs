using Envoy.Service.Discovery.V3;
using MeshOperator.Xds.Resources;

namespace MeshOperator.Proxy.Discovery;

/// <summary>Takes what the operator sends, and knows what else is wanted of it. Called by one stream at a time.</summary>
internal interface IResourceReceiver
{
    /// <summary>The names of a type that are wanted; null when all are.</summary>
    IReadOnlySet<string>? Wanted(ResourceType type);

    /// <summary>The versions of a type that are held, by name.</summary>
    IReadOnlyDictionary<string, string> Versions(ResourceType type);

    /// <summary>Takes resources.</summary>
    /// <returns>Why some of them were rejected, or null.</returns>
    string? Receive(ResourceType type, IReadOnlyList<Resource> resources, IReadOnlyList<string> removed);
}
