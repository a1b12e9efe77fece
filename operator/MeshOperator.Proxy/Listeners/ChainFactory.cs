using Envoy.Config.Listener.V3;
using Envoy.Extensions.Filters.Network.TcpProxy.V3;
using MeshOperator.Proxy.Filters;
using MeshOperator.Proxy.Forwarding;
using MeshOperator.Proxy.Matching;
using MeshOperator.Proxy.Resources;
using MeshOperator.Proxy.Routing;
using MeshOperator.Proxy.Statistics;
using MeshOperator.Proxy.Tls;
using MeshOperator.Proxy.Upstream;
using Manager = Envoy.Extensions.Filters.Network.HttpConnectionManager.V3.HttpConnectionManager;
using NetworkRbac = Envoy.Extensions.Filters.Network.Rbac.V3.RBAC;
using SetFilterState = Envoy.Extensions.Filters.Network.SetFilterState.V3.Config;

namespace MeshOperator.Proxy.Listeners;

/// <summary>Makes filter chains of what the operator sends.</summary>
internal sealed record ChainFactory(
    SecretStore Secrets,
    RouteStore Routes,
    ExtensionStore Extensions,
    ClusterStore Clusters,
    RuntimeValues Runtime,
    ProxyStatistics Statistics,
    RequestForwarder Forwarder,
    TimeProvider Time
)
{
    /// <summary>Makes a chain.</summary>
    /// <exception cref="ArgumentException">Something in it cannot be had here.</exception>
    public ChainPlan Create(FilterChain chain)
    {
        var tls = TlsSettings.Create(chain.TransportSocket, Secrets);
        var last = chain.Filters is [.., var end] && end.TypedConfig is not null ? ResourceReader.Unpack(end.TypedConfig) : null;
        if (last is Manager manager)
        {
            if (chain.Filters.Count > 1)
                throw new ArgumentException(
                    $"filter_chains: the built-in proxy supports no filters before the one of requests ({chain.Name})"
                );
            return ChainPlan.Create(chain, tls, new ConnectionManager(manager, this), null);
        }

        return ChainPlan.Create(chain, tls, null, new ByteChain([.. chain.Filters.Select(Step)], this));
    }

    /// <summary>Gives a step of a chain of bytes at the moment of a connection; null when it has not arrived.</summary>
    private Func<object?> Step(Filter filter)
    {
        if (filter.ConfigDiscovery is not null)
            return () => Extensions.FindNetwork(filter.Name);
        object step = ResourceReader.Unpack(filter.TypedConfig) switch
        {
            NetworkRbac access => new ConnectionAccess(access),
            TcpProxy proxy => new TcpTarget(proxy),
            SetFilterState state => new OfferedProtocols([
                .. state.OnNewConnection.SelectMany(value => PeerTrust.Text(value.FormatString.TextFormatSource).Split(',')),
            ]),
            var other => throw new ArgumentException(
                $"filters: {other.Descriptor.FullName} is no filter of bytes that the built-in proxy supports"
            ),
        };
        return () => step;
    }
}
