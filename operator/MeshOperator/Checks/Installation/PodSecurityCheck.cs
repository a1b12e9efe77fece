using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Output;

namespace MeshOperator.Checks.Installation;

/// <summary>Whether namespaces of the mesh let the init container run that redirects traffic.</summary>
internal static class PodSecurityCheck
{
    private const string Label = "pod-security.kubernetes.io/enforce";

    /// <param name="namespaces">All namespaces.</param>
    /// <param name="interception">How the operator has traffic reach proxies.</param>
    public static Finding Find(IEnumerable<V1Namespace> namespaces, string interception)
    {
        var meshed = namespaces.Where(ns => ns.GetLabel(MeshNames.InjectionLabel) == MeshNames.InjectionEnabled).ToList();
        var forbidding = meshed
            .Where(ns => ns.GetLabel(Label) is "restricted" or "baseline")
            .Select(ns => $"{ns.Metadata.Name} ({ns.GetLabel(Label)})")
            .ToList();
        return interception != "redirect" || forbidding.Count == 0
            ? Finding.Ok(CheckNames.PodSecurity, $"{meshed.Count} namespaces are in the mesh, and none forbids its containers")
            : Finding.Error(
                CheckNames.PodSecurity,
                $"Pod Security of {Names.Join(forbidding)} forbids the init container, which needs NET_ADMIN, so no pod can be created; "
                    + "set the annotation meshoperator.io/interception to external or none on the pods, or label the namespace "
                    + $"{Label}=privileged"
            );
    }
}
