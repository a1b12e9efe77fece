using k8s.Models;

namespace MeshOperator.Injection;

/// <summary>Resources that a pod has as a whole (<c>spec.resources</c>, Kubernetes 1.34). They are at least the sum of what its containers
/// request, so they grow by what the proxy needs; else the API server would refuse the pod, or the proxy would take it from the
/// application.</summary>
internal static class PodResources
{
    /// <summary>Adds a container's resources to the pod's, where the pod has any. Those that were equal as request and limit stay equal, so
    /// that the pod's QoS class is as before.</summary>
    public static void Add(V1PodSpec pod, V1ResourceRequirements proxy)
    {
        if (pod.Resources is not { } whole)
            return;
        foreach (var resource in (whole.Requests?.Keys ?? []).Union(whole.Limits?.Keys ?? []).ToList())
        {
            var request = Find(proxy.Requests, resource) ?? 0;
            var limit = Math.Max(Find(proxy.Limits, resource) ?? 0, request);
            var isFixed = Find(whole.Requests, resource) == Find(whole.Limits, resource);
            Grow(whole.Requests, resource, isFixed ? limit : request);
            Grow(whole.Limits, resource, limit);
        }
    }

    private static decimal? Find(IDictionary<string, ResourceQuantity>? amounts, string resource) =>
        amounts?.TryGetValue(resource, out var amount) == true ? amount.ToDecimal() : null;

    private static void Grow(IDictionary<string, ResourceQuantity>? amounts, string resource, decimal by)
    {
        if (by != 0 && amounts?.TryGetValue(resource, out var amount) == true)
            amounts[resource] = new ResourceQuantity(amount.ToDecimal() + by, 0, amount.Format);
    }
}
