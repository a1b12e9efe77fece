using System.Text.Json.Nodes;
using k8s.Models;

namespace MeshOperator.Injection;

/// <summary>What a proxy does before it runs out of connections or memory (envoy.config.overload.v3.OverloadManager as JSON). The listeners
/// of the bootstrap, which answer the kubelet and Prometheus, are exempt.</summary>
internal static class ProxyLimits
{
    /// <summary>Of connections that applications and callers have open to the proxy, where memory allows them.</summary>
    private const int MostConnections = 20_000;

    private const int FewestConnections = 500;

    private const long MiB = 1024 * 1024;

    /// <summary>What a connection needs that has begun to say something, measured; see the benchmarks.</summary>
    private const long PerConnection = 30 * 1024;

    /// <summary>What a proxy with few services needs, measured.</summary>
    private const long AtRest = 70 * MiB;

    /// <summary>What a proxy needs beside its heap, above all the pages of its program.</summary>
    private const long BesideHeap = 64 * MiB;

    /// <summary>The heap of a proxy without a memory limit: far more than a configuration needs.</summary>
    private const long DefaultHeap = 1024 * MiB;

    public static JsonObject Create(V1ResourceRequirements resources) =>
        new()
        {
            ["refresh_interval"] = "0.250s",
            ["resource_monitors"] = new JsonArray(
                EnvoyJson.Filter(
                    "envoy.resource_monitors.global_downstream_max_connections",
                    "envoy.extensions.resource_monitors.downstream_connections.v3.DownstreamConnectionsConfig",
                    new JsonObject { ["max_active_downstream_connections"] = ComputeConnections(resources) }
                ),
                EnvoyJson.Filter(
                    "envoy.resource_monitors.fixed_heap",
                    "envoy.extensions.resource_monitors.fixed_heap.v3.FixedHeapConfig",
                    new JsonObject { ["max_heap_size_bytes"] = ComputeHeap(resources) }
                )
            ),
            ["actions"] = new JsonArray(
                At("envoy.overload_actions.shrink_heap", 0.9),
                At("envoy.overload_actions.disable_http_keepalive", 0.92),
                At("envoy.overload_actions.stop_accepting_requests", 0.95),
                At("envoy.overload_actions.reject_incoming_connections", 0.98)
            ),
        };

    private static long ComputeHeap(V1ResourceRequirements resources) =>
        ReadMemory(resources) is { } bytes ? Math.Max(bytes - BesideHeap, bytes / 2) : DefaultHeap;

    /// <summary>The heap is measured four times a second, in which thousands can connect; their number is bounded at once.</summary>
    private static long ComputeConnections(V1ResourceRequirements resources) =>
        ReadMemory(resources) is { } bytes
            ? Math.Clamp((bytes - AtRest) / PerConnection, FewestConnections, MostConnections)
            : MostConnections;

    private static long? ReadMemory(V1ResourceRequirements resources) =>
        resources.Limits?.TryGetValue("memory", out var limit) == true && limit is not null ? (long)limit.ToDecimal() : null;

    private static JsonObject At(string action, double pressure) =>
        new()
        {
            ["name"] = action,
            ["triggers"] = new JsonArray(
                new JsonObject
                {
                    ["name"] = "envoy.resource_monitors.fixed_heap",
                    ["threshold"] = new JsonObject { ["value"] = pressure },
                }
            ),
        };
}
