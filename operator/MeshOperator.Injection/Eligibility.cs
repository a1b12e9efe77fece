using k8s.Models;
using MeshOperator.Api;

namespace MeshOperator.Injection;

/// <summary>Why a pod is not eligible for a sidecar.</summary>
internal static class Eligibility
{
    private const string MirrorAnnotation = "kubernetes.io/config.mirror";

    /// <summary>Why a pod stays as it is, or null. Nothing is changed in such a pod.</summary>
    public static string? WhyNot(V1Pod pod, string ns, InjectionOptions options)
    {
        if (pod.Spec?.Containers is null or { Count: 0 })
            return "the pod has no containers";
        if (SidecarInjector.IsInjected(pod))
            return "the pod already has the sidecar";
        if (pod.Metadata?.Labels is { } labels && labels.TryGetValue(MeshNames.InjectLabel, out var wish) && wish == "false")
            return $"the pod's label {MeshNames.InjectLabel} is \"false\"";
        if (MeshNames.SystemNamespaces.Contains(ns))
            return $"pods of {ns} keep the cluster running and are never injected";
        if (ns == options.OperatorNamespace)
            return $"{ns} is the operator's own namespace";
        return pod.Metadata?.Annotations?.ContainsKey(MirrorAnnotation) == true ? "the pod mirrors a static pod of its node" : null;
    }

    /// <summary>Why a pod that its owner may well expect to have the sidecar cannot have it, or null. This is recorded in the
    /// pod.</summary>
    public static string? WhyImpossible(V1Pod pod)
    {
        if (pod.Spec.HostNetwork == true)
            return "the pod uses the host's network, which a sidecar must not redirect";
        var onWindows =
            pod.Spec.Os?.Name == "windows"
            || (pod.Spec.NodeSelector is { } nodes && nodes.TryGetValue("kubernetes.io/os", out var os) && os == "windows");
        return onWindows ? "the pod runs on Windows, for which there is no redirection" : null;
    }

    /// <summary>What must be changed in a pod before it can have the sidecar, or null.</summary>
    public static string? WhyRefused(V1Pod pod)
    {
        if (pod.Spec.SecurityContext is { } context && Who(context.RunAsUser, context.RunAsGroup) is { } who)
            return $"spec.securityContext.{who}";
        foreach (var (list, containers) in new[] { ("containers", pod.Spec.Containers), ("initContainers", pod.Spec.InitContainers ?? []) })
        {
            foreach (var container in containers)
            {
                if (container.SecurityContext is { } own && Who(own.RunAsUser, own.RunAsGroup) is { } user)
                    return $"spec.{list}[{container.Name}].securityContext.{user}";
                if (container.Name == CaptureContainer.Name)
                    return $"spec.{list}: the name {container.Name} is reserved for the mesh; choose another name";
                if (container.Ports?.FirstOrDefault(p => ProxyPort.All.Contains(p.ContainerPort)) is { } port)
                    return $"spec.{list}[{container.Name}].ports: the proxy listens on {port.ContainerPort}; let the application use "
                        + "another port";
            }
        }

        return pod.Spec.Volumes?.FirstOrDefault(v => SidecarVolumes.Names.Contains(v.Name)) is { } volume
            ? $"spec.volumes: the name {volume.Name} is reserved for the mesh; choose another name"
            : null;
    }

    /// <summary>The redirection rules know the proxy by its user and group, so whatever shared them would pass by the proxy.</summary>
    private static string? Who(long? user, long? group)
    {
        const string why = "1337 is the proxy's ID, whose connections bypass the redirection; let the application use another ID";
        if (user == ProxyContainer.User)
            return $"runAsUser: {why}";
        return group == ProxyContainer.User ? $"runAsGroup: {why}" : null;
    }
}
