using System.Text.Json.Nodes;
using k8s.Models;

namespace MeshOperator.Injection;

/// <summary>What a proxy does before it runs out of connections or memory (envoy.config.overload.v3.OverloadManager as JSON). The listeners of the
/// bootstrap, which answer the kubelet and Prometheus, are exempt.</summary>
internal static class ProxyLimits
{
    /// <summary>Of connections that applications and callers have open to the proxy.</summary>
    private const int MostConnections = 20_000;

    private const long MiB = 1024 * 1024;

    /// <summary>What a proxy needs beside its heap, above all the pages of its program.</summary>
    private const long BesideHeap = 64 * MiB;

    /// <summary>The heap of a proxy without a memory limit: far more than a configuration needs.</summary>
    private const long DefaultHeap = 1024 * MiB;

    public static JsonObject Create(V1ResourceRequirements resources) => new()
    {
        ["refresh_interval"] = "0.250s",
        ["resource_monitors"] = new JsonArray(
            EnvoyJson.Filter(
                "envoy.resource_monitors.global_downstream_max_connections",
                "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                new JsonObject { ["max_active_downstream_connections"] = MostConnections }),
            EnvoyJson.Filter(
                "envoy.resource_monitors.fixed_heap",
                "envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig",
                new JsonObject { ["max_heap_size_bytes"] = HeapOf(resources) })),
        ["actions"] = new JsonArray(
            At("envoy.overload_actions.shrink_heap", 0.9),
            At("envoy.overload_actions.disable_http_keepalive", 0.92),
            At("envoy.overload_actions.stop_accepting_requests", 0.95),
            At("envoy.overload_actions.reject_incoming_connections", 0.98)),
    };

    private static long HeapOf(V1ResourceRequirements resources)
    {
        if (resources.Limits?.TryGetValue("memory", out var limit) != true || limit is null) return DefaultHeap;
        var bytes = (long)limit.ToDecimal();
        return Math.Max(bytes - BesideHeap, bytes / 2);
    }

    private static JsonObject At(string action, double pressure) => new()
    {
        ["name"] = action,
        ["triggers"] = new JsonArray(new JsonObject { ["name"] = "envoy.resource_monitors.fixed_heap", ["threshold"] = new JsonObject { ["value"] = pressure } }),
    };
}
