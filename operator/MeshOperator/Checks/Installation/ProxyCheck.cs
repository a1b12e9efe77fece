using System.Text.Json;
using System.Text.Json.Nodes;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Injection;
using MeshOperator.Output;

namespace MeshOperator.Checks.Installation;

/// <summary>Whether the pods of the mesh have a sidecar that is current and runs.</summary>
internal static class ProxyCheck
{
    private const int ManyRestarts = 3;

    /// <param name="pods">All pods.</param>
    /// <param name="isMissing">Whether a pod is eligible for the sidecar and lacks it.</param>
    /// <param name="version">The operator's version.</param>
    /// <param name="today">Today.</param>
    public static IEnumerable<Finding> Find(IEnumerable<V1Pod> pods, Predicate<V1Pod> isMissing, string version, DateOnly today)
    {
        var running = pods.Where(pod => pod.Status?.Phase is not ("Succeeded" or "Failed")).ToList();
        var injected = running.Where(SidecarInjector.IsInjected).ToList();
        var found = new[]
        {
            Warn(running.Where(pod => !SidecarInjector.IsInjected(pod) && isMissing(pod)), "lack the sidecar", "restart them"),
            Fail(injected.Where(IsRestarting), "have a sidecar that restarts again and again", "read kubectl logs -c mesh-proxy -p"),
            Warn(
                injected.Where(pod => ReadVersion(pod) is { } known && known != version),
                $"have the sidecar of another version than {version}",
                "restart them"
            ),
            Warn(
                injected.Where(pod => HasEnded(pod, today)),
                "have an Envoy that no longer gets security fixes",
                $"restart them to get {EnvoyReleases.DefaultImage}"
            ),
        }
            .OfType<Finding>()
            .ToList();
        return found.Count > 0 ? found : [Finding.Ok(CheckNames.Proxies, $"{injected.Count} pods have the sidecar")];
    }

    private static Finding? Warn(IEnumerable<V1Pod> pods, string what, string fix) => Create(FindingLevel.Warning, pods, what, fix);

    private static Finding? Fail(IEnumerable<V1Pod> pods, string what, string fix) => Create(FindingLevel.Error, pods, what, fix);

    private static Finding? Create(FindingLevel level, IEnumerable<V1Pod> pods, string what, string fix)
    {
        var names = pods.Select(pod => $"{pod.Metadata.NamespaceProperty}/{pod.Metadata.Name}").ToList();
        return names.Count == 0 ? null : new Finding(level, CheckNames.Proxies, $"{names.Count} pods {what}: {Names.Join(names)}; {fix}");
    }

    private static bool IsRestarting(V1Pod pod) =>
        (pod.Status?.ContainerStatuses ?? [])
            .Concat(pod.Status?.InitContainerStatuses ?? [])
            .Any(status =>
                status.Name == SidecarInjector.ContainerName
                && (status.State?.Waiting?.Reason == "CrashLoopBackOff" || (!status.Ready && status.RestartCount >= ManyRestarts))
            );

    private static bool HasEnded(V1Pod pod, DateOnly today) =>
        pod.Spec.Containers.Concat(pod.Spec.InitContainers ?? []).FirstOrDefault(c => c.Name == SidecarInjector.ContainerName)
            is { Image: { } image }
        && EnvoyReleases.FindBranch(image) is { } branch
        && EnvoyReleases.HasEnded(branch, today);

    private static string? ReadVersion(V1Pod pod)
    {
        if (pod.GetAnnotation(MeshNames.StatusAnnotation) is not { } status)
            return null;
        try
        {
            return (string?)JsonNode.Parse(status)?["version"];
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
