using MeshOperator.Mesh.Model;

namespace MeshOperator.Xds.Translation.Shared;

/// <summary>What decides which shared resources a proxy is sent.</summary>
/// <param name="Services">The services whose configuration it is sent; null means all.</param>
/// <param name="Explicit">Where it listens for its application; null where connections are redirected to it.</param>
/// <param name="Place">Where it runs; null when it is sent the same endpoints as those of which that is not known.</param>
internal sealed record ProxyScope(UpstreamScope? Services, ExplicitScope? Explicit, ProxyPlace? Place)
{
    /// <summary>The scope of a workload's proxy, or null when it is sent all that is shared.</summary>
    /// <param name="workload">The workload.</param>
    /// <param name="place">What of its place matters, or null.</param>
    public static ProxyScope? ForWorkload(MeshWorkload workload, ProxyPlace? place) =>
        workload is { Scope: null, ExplicitProxy: null } && place is null
            ? null
            : new ProxyScope(
                workload.Scope,
                workload.ExplicitProxy is { } settings
                    ? new ExplicitScope(workload.Name.Namespace, settings.Address, settings.LocalPorts)
                    : null,
                place
            );

    /// <summary>Whether the proxy is sent a service, as it is sent all that its local ports lead to.</summary>
    public bool Contains(ServiceName service) =>
        Services is null || Services.Contains(service) || Explicit?.LocalPorts.Any(port => port.Service == service) == true;
}

/// <summary>Where a proxy listens for its application.</summary>
/// <param name="Namespace">The namespace in which a service may be called by its name alone.</param>
/// <param name="Address">The address.</param>
/// <param name="LocalPorts">The ports that lead to one service each.</param>
internal sealed record ExplicitScope(string Namespace, string Address, ValueList<LocalServicePort> LocalPorts);
