using System.Net;
using System.Text.Json.Nodes;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Authority;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Bundles;

/// <summary>Writes the trust bundle's ConfigMap into namespaces.</summary>
[GenericRbac("", "configmaps", "create")]
[GenericRbac("", "configmaps", "get,list,watch,patch", ResourceNames = MeshNames.TrustBundleConfigMap)]
internal sealed class TrustBundles(EntityClient<V1ConfigMap> configMaps, MeshAuthority authority)
{
    /// <summary>Writes the bundle into a namespace unless it is there and right.</summary>
    public async Task EnsureAsync(string ns, CancellationToken cancellation)
    {
        var key = new ObjectKey(ns, MeshNames.TrustBundleConfigMap);
        var bundle = authority.TrustBundle;
        var current = await configMaps.GetAsync(key, cancellation);
        if (current?.Data is { } data && data.TryGetValue(MeshNames.CaCertificateKey, out var kept) && kept == bundle)
            return;
        var fields = new JsonObject
        {
            ["metadata"] = new JsonObject { ["labels"] = new JsonObject { [MeshNames.ManagedByLabel] = MeshNames.FieldManager } },
            ["data"] = new JsonObject { [MeshNames.CaCertificateKey] = bundle },
        };
        try
        {
            await configMaps.ApplyAsync(key, fields, MeshNames.FieldManager, null, cancellation);
        }
        catch (KubernetesApiException e)
            when (e.StatusCode == HttpStatusCode.NotFound || e.Message.Contains("being terminated", StringComparison.Ordinal))
        {
            // The namespace has gone, or is going, and that was not yet seen here.
        }
    }
}
