using Envoy.Extensions.TransportSockets.Tls.V3;
using MeshOperator.Api;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Translation.Inbound;
using MeshOperator.Xds.Translation.Outbound;
using MeshOperator.Xds.Translation.Shared;
using MeshOperator.Xds.Translation.Telemetry;

namespace MeshOperator.Xds.Translation;

/// <summary>What a proxy is sent beyond what all are sent: all that is for connections which arrive. Shared by all workloads with an equal
/// profile.</summary>
internal sealed class ProxyResources
{
    private readonly ResourceSet[] _sets;
    private ulong _fingerprint;

    private ProxyResources(InboundProfile profile, ResourceSet[] sets, IReadOnlyList<CallerSecret> callers)
    {
        Profile = profile;
        _sets = sets;
        Callers = callers;
    }

    public InboundProfile Profile { get; }

    /// <summary>The secrets that say who may open connections of bytes.</summary>
    public IReadOnlyList<CallerSecret> Callers { get; }

    /// <summary>The content of all of it, as a number that is the same on every replica that serves the same.</summary>
    public ulong Fingerprint => _fingerprint != 0 ? _fingerprint : _fingerprint = FindFingerprint();

    /// <summary>For proxies of which nothing is known: arriving connections are passed on as they are, as there is no identity to
    /// take mutual TLS with.</summary>
    public static ProxyResources OfUnknownWorkload { get; } = CreateUnknown(new Observability(new TelemetrySettings()));

    /// <summary>For proxies at which no connections arrive.</summary>
    public static ProxyResources None { get; } = new(InboundProfile.Nothing, Sets([]), []);

    /// <summary>The resources of a type, but for secrets, which need the trust bundle.</summary>
    public ResourceSet this[ResourceType type] => _sets[(int)type];

    public static ProxyResources Create(
        InboundProfile profile,
        string trustDomain,
        Observability observability,
        OutboundListenerBuilder outbound
    )
    {
        var targets = InboundTarget.ForProfile(profile).Where(target => profile.Binding is null || target.Number is not null).ToList();
        var builder = new InboundListenerBuilder(observability, outbound.HeaderCase);
        List<Envoy.Config.Listener.V3.Listener> listeners = profile.Binding is { } binding
            ? [.. builder.BoundListeners(profile, binding, targets, trustDomain)]
            : [builder.Listener(profile, targets, trustDomain)];
        if (profile is { HasIpv6: true, Binding: null })
            listeners.Add(outbound.Entrance(Names.OutboundIpv6Listener, "::"));
        var sets = Sets(targets);
        sets[(int)ResourceType.Cluster] = ResourceSet.Create(
            targets
                .Select(target =>
                    profile.Binding is { } bound
                        ? ApplicationCluster.OnLoopback(target, profile, bound.Application, outbound.HeaderCase)
                        : ApplicationCluster.Redirected(target, profile, outbound.HeaderCase)
                )
                .Select(cluster => XdsResource.Create(ResourceType.Cluster, cluster.Name, cluster))
        );
        sets[(int)ResourceType.Listener] = ResourceSet.Create(
            listeners.Select(listener => XdsResource.Create(ResourceType.Listener, listener.Name, listener))
        );
        sets[(int)ResourceType.Route] = ResourceSet.Create(
            targets
                .Where(target => target.HasHttp)
                .Select(target => XdsResource.Create(ResourceType.Route, target.Name, InboundRoutes.Routes(target)))
        );
        sets[(int)ResourceType.Extension] = ResourceSet.Create(
            targets
                .SelectMany(new InboundFilters(observability).ForTarget)
                .Select(extension => XdsResource.Create(ResourceType.Extension, extension.Name, extension))
        );
        return new ProxyResources(
            profile,
            sets,
            [.. targets.Where(target => target.HasMutualTlsBytes).Select(target => CallerSecret.ForTarget(target, trustDomain))]
        );
    }

    private static ProxyResources CreateUnknown(Observability silent) =>
        Create(new InboundProfile(MtlsMode.Disabled, [], []), "unknown", silent, new OutboundListenerBuilder(silent, HeaderCase.Preserve));

    private ulong FindFingerprint() =>
        Fingerprints.Combine(_sets.SelectMany(set => set.Items.ToArray())) + Fingerprints.Combine(Callers.Select(callers => callers.Id));

    /// <summary>Nothing but the runtime layer, for which every proxy asks when it starts.</summary>
    private static ResourceSet[] Sets(IEnumerable<InboundTarget> targets)
    {
        ResourceSet[] sets = [.. Enumerable.Repeat(ResourceSet.Empty, ResourceTypes.Count)];
        sets[(int)ResourceType.Runtime] = ResourceSet.Create([
            XdsResource.Create(ResourceType.Runtime, MeshNames.RuntimeLayer, RuntimeValues.Create(targets)),
        ]);
        return sets;
    }
}
