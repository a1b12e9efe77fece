using MeshOperator.Mesh.Model;

namespace MeshOperator.Xds.Translation.Shared;

/// <summary>What decides which shared resources a proxy is sent.</summary>
/// <param name="Services">The services of which it is told; null means all.</param>
/// <param name="ExplicitProxyIn">The namespace in which it is an explicit HTTP proxy; null where connections are redirected to it.</param>
internal sealed record ProxyScope(UpstreamScope? Services, string? ExplicitProxyIn)
{
    /// <summary>The scope of a workload's proxy, or null when it is sent all that is shared.</summary>
    public static ProxyScope? ForWorkload(MeshWorkload workload) =>
        workload is { Scope: null, IsExplicitProxy: false }
            ? null
            : new ProxyScope(workload.Scope, workload.IsExplicitProxy ? workload.Name.Namespace : null);
}
