using k8s;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Injection;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Snapshots;

namespace MeshOperator.Checks;

/// <summary>Finds whether pods have the sidecar or will get it, and if not, why.</summary>
internal sealed class InjectionCheck(SidecarInjector injector, TimeProvider time)
{
    private const string Restart =
        "eligible but not injected: the pod was created before it or its namespace was labelled, or while the webhook was "
        + "unavailable; restart the pod";

    /// <summary>Looks at a pod of a cluster.</summary>
    public CheckedPod Live(V1Pod pod, V1Namespace ns)
    {
        var name = $"pod/{pod.Metadata.Name}";
        if (SidecarInjector.IsInjected(pod))
            return new CheckedPod(name, SidecarState.Injected, FindFaults(pod));
        var recorded =
            pod.Metadata.Annotations is { } annotations && annotations.TryGetValue(MeshNames.NotInjectedAnnotation, out var reason)
                ? reason
                : null;
        return new CheckedPod(name, SidecarState.No, recorded ?? WhyNot(pod, ns) ?? Restart);
    }

    /// <summary>Whether a pod of a cluster lacks the sidecar although it is eligible for it.</summary>
    public bool IsMissing(V1Pod pod, V1Namespace ns) => Live(pod, ns) is { State: SidecarState.No, Reason: Restart };

    /// <summary>Looks at a pod that is to be created.</summary>
    public CheckedPod Planned(string name, V1Pod pod, V1Namespace ns)
    {
        if (SidecarInjector.IsInjected(pod))
            return new CheckedPod(name, SidecarState.Injected, FindFaults(pod));
        return WhyNot(pod, ns) is { } reason
            ? new CheckedPod(name, SidecarState.No, reason)
            : new CheckedPod(name, SidecarState.WouldBe, Join(injector.FindWarnings(pod)));
    }

    /// <summary>What is wrong with an injected pod; null when nothing is known.</summary>
    private string? FindFaults(V1Pod pod)
    {
        string?[] faults = [Ended(pod), .. injector.FindWarnings(pod), .. ProxyUser.Find(pod)];
        return Join(faults.OfType<string>());
    }

    private static string? Join(IEnumerable<string> reasons) => string.Join("; ", reasons) is { Length: > 0 } all ? all : null;

    /// <summary>That the sidecar is of a branch of Envoy that is no longer mended; else null.</summary>
    private string? Ended(V1Pod pod)
    {
        var image = pod
            .Spec.Containers.Concat(pod.Spec.InitContainers ?? [])
            .FirstOrDefault(c => c.Name == SidecarInjector.ContainerName)
            ?.Image;
        return
            image is not null
            && EnvoyReleases.FindBranch(image) is { } branch
            && EnvoyReleases.HasEnded(branch, DateOnly.FromDateTime(time.GetUtcNow().UtcDateTime))
            ? $"its sidecar is Envoy 1.{branch}, which no longer gets security fixes; restart the pod to get {injector.ProxyImage}"
            : null;
    }

    private string? WhyNot(V1Pod pod, V1Namespace ns)
    {
        // The injector changes what it is given.
        var copy = EntityJson.Deserialize<V1Pod>(EntityJson.Serialize(pod));
        var outcome = injector.Inject(copy, ns.Metadata.Name);
        if (outcome.IsRefused)
            return $"the webhook would refuse it: {outcome.Reason}";
        return outcome.IsInjected ? WhyNotSelected(pod, ns) : outcome.Reason;
    }

    /// <summary>What keeps the API server from asking the webhook.</summary>
    private static string? WhyNotSelected(V1Pod pod, V1Namespace ns)
    {
        if (Label(pod.Metadata, MeshNames.InjectLabel) == "true")
            return null;
        const string wanted = $"{MeshNames.InjectionLabel}={MeshNames.InjectionEnabled}";
        var fix = $"kubectl label namespace {ns.Metadata.Name} {wanted} --overwrite, and restart the pod";
        return Label(ns.Metadata, MeshNames.InjectionLabel) switch
        {
            MeshNames.InjectionEnabled => null,
            null => $"namespace {ns.Metadata.Name} does not have the label {wanted}; run {fix}",
            var other => $"namespace {ns.Metadata.Name} has the label {MeshNames.InjectionLabel}={other}; run {fix}",
        };
    }

    private static string? Label(V1ObjectMeta? metadata, string name) =>
        metadata?.Labels is { } labels && labels.TryGetValue(name, out var value) ? value : null;
}
