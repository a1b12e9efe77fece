using System.Text.Json.Nodes;
using k8s.Models;

namespace MeshOperator.Local.Node;

/// <summary>A proxy of a pod that runs.</summary>
internal interface ILocalProxy : IAsyncDisposable
{
    /// <summary>Completes when it has ended by itself, with why.</summary>
    Task<string> Ended { get; }
}

/// <summary>Starts proxies of one kind.</summary>
internal interface ILocalProxies
{
    /// <summary>What runs, for people: for example <c>Envoy 1.40.0 (/usr/bin/envoy)</c>.</summary>
    string Description { get; }

    /// <summary>Starts the proxy of a pod.</summary>
    /// <param name="pod">The pod.</param>
    /// <param name="bootstrap">Its configuration.</param>
    /// <param name="folder">Where it may write.</param>
    /// <param name="cancellation">Ends the start.</param>
    Task<ILocalProxy> StartAsync(V1Pod pod, JsonObject bootstrap, string folder, CancellationToken cancellation);
}
