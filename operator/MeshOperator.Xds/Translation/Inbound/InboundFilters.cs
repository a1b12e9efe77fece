using Envoy.Config.Core.V3;
using Envoy.Config.Listener.V3;
using Envoy.Extensions.Filters.Http.LocalRatelimit.V3;
using Envoy.Extensions.Filters.Network.HttpConnectionManager.V3;
using Envoy.Extensions.Filters.Network.TcpProxy.V3;
using Google.Protobuf;
using MeshOperator.Xds.Translation.Shared;
using MeshOperator.Xds.Translation.Telemetry;
using NetworkRbac = Envoy.Extensions.Filters.Network.Rbac.V3.RBAC;

namespace MeshOperator.Xds.Translation.Inbound;

/// <summary>Makes the filters of inbound chains that are resources of their own (ECDS). Each has a prepared slot in the listener, which
/// is there whether something is to be filtered or not, and waits for its resource.</summary>
internal sealed class InboundFilters(Observability observability)
{
    /// <summary>ADS, waited for without end.</summary>
    public static ConfigSource Source { get; } =
        new()
        {
            Ads = new AggregatedConfigSource(),
            ResourceApiVersion = ApiVersion.V3,
            InitialFetchTimeout = EnvoyMessages.Duration(TimeSpan.Zero),
        };

    /// <summary>All filters of a target.</summary>
    public IEnumerable<TypedExtensionConfig> ForTarget(InboundTarget target)
    {
        if (target.HasHttp)
        {
            foreach (
                var (name, limit) in InboundNames
                    .Limits(target)
                    .Zip(RateLimitBuilder.Filters(target.Port.Limits, target.Name, InboundNames.LimitSlots))
            )
                yield return Extension(name, limit);
        }

        if (!target.HasBytes)
            yield break;
        foreach (var (name, rbac) in AccessBuilder.Network(target.Port.Access, target.Name))
            yield return Extension(InboundNames.Access(target, name), rbac);
        if (target.HasMutualTlsBytes)
            yield return Extension(InboundNames.MutualTlsProxy(target), Proxy(target.Name, target.Name));
        if (!target.HasAnonymousBytes)
            yield break;

        // Who needs an identity to be allowed has none here. Rules are looked at when the first bytes come, and a server that speaks first
        // would have sent data by then.
        var isClosed = CallerSet.FromAccess(target.Port.Access) is { IsOpen: false };
        yield return Extension(InboundNames.AnonymousProxy(target), Proxy(isClosed ? Names.Blackhole : target.Name, target.Name));
    }

    /// <summary>The names of the filters of a chain of bytes, in order.</summary>
    public static IEnumerable<(string Name, IMessage Type)> ForBytes(InboundTarget target, InboundChain chain) =>
        [
            (InboundNames.Access(target, AuditNames.Deny), new NetworkRbac()),
            (InboundNames.Access(target, AuditNames.Allow), new NetworkRbac()),
            (chain.IsMutualTls ? InboundNames.MutualTlsProxy(target) : InboundNames.AnonymousProxy(target), new TcpProxy()),
        ];

    /// <summary>The slot of a network filter.</summary>
    public static Filter NetworkSlot((string Name, IMessage Type) filter) =>
        new() { Name = filter.Name, ConfigDiscovery = EnvoyMessages.Discovery(Source, filter.Type) };

    /// <summary>The slot of a filter of rate limits. Routes switch on those that have a limit.</summary>
    public static HttpFilter HttpSlot(string name) =>
        EnvoyMessages.OffByDefault(new HttpFilter { Name = name, ConfigDiscovery = EnvoyMessages.Discovery(Source, new LocalRateLimit()) });

    private TcpProxy Proxy(string cluster, string statPrefix)
    {
        var proxy = EnvoyMessages.Bytes(new TcpProxy { Cluster = cluster, StatPrefix = statPrefix });
        observability.Inbound(proxy);
        return proxy;
    }

    private static TypedExtensionConfig Extension(string name, IMessage configuration) =>
        new() { Name = name, TypedConfig = EnvoyMessages.Pack(configuration) };
}
