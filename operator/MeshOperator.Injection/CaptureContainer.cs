using k8s.Models;
using MeshOperator.Injection.Settings;

namespace MeshOperator.Injection;

/// <summary>The init container that redirects the pod's traffic to the proxy (see <c>operator/init/capture.sh</c>).</summary>
internal static class CaptureContainer
{
    public const string Name = "mesh-init";

    public static V1Container Create(SidecarSettings settings, string image) =>
        new()
        {
            Name = Name,
            Image = image,
            Args = ["set"],
            Env = Environment(settings),
            Resources = settings.InitResources,

            // A container cannot give a capability to anybody but root. What else root may do is taken away.
            SecurityContext = new V1SecurityContext
            {
                RunAsUser = 0,
                RunAsGroup = 0,
                RunAsNonRoot = false,
                ReadOnlyRootFilesystem = true,
                AllowPrivilegeEscalation = false,
                Privileged = false,
                Capabilities = new V1Capabilities { Drop = ["ALL"], Add = ["NET_ADMIN"] },
                SeccompProfile = new V1SeccompProfile { Type = "RuntimeDefault" },
            },
        };

    private static List<V1EnvVar>? Environment(SidecarSettings settings)
    {
        List<V1EnvVar> variables =
        [
            .. Variable("MESH_EXCLUDE_INBOUND_PORTS", settings.ExcludedInboundPorts),
            .. Variable("MESH_EXCLUDE_OUTBOUND_PORTS", settings.ExcludedOutboundPorts),
            .. Variable("MESH_EXCLUDE_OUTBOUND_CIDRS", settings.ExcludedOutboundCidrs),
        ];
        return variables.Count > 0 ? variables : null;
    }

    private static IEnumerable<V1EnvVar> Variable<T>(string name, IReadOnlyList<T> values) =>
        values.Count == 0 ? [] : [new V1EnvVar { Name = name, Value = string.Join(',', values) }];
}
