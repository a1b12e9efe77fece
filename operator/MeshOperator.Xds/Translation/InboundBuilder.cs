using Envoy.Config.Cluster.V3;
using Envoy.Config.Core.V3;
using Envoy.Config.Listener.V3;
using Envoy.Config.Route.V3;
using Envoy.Extensions.Filters.Listener.OriginalDst.V3;
using Envoy.Extensions.Filters.Listener.TlsInspector.V3;
using Envoy.Extensions.Filters.Network.TcpProxy.V3;
using Envoy.Type.V3;
using MeshOperator.Api;
using MeshOperator.Mesh.Model;
using EnvoyRoute = Envoy.Config.Route.V3.Route;
using Manager = Envoy.Extensions.Filters.Network.HttpConnectionManager.V3.HttpConnectionManager;

namespace MeshOperator.Xds.Translation;

/// <summary>Makes the listener and clusters for connections that arrive at a pod.</summary>
internal sealed class InboundBuilder(Observability observability)
{
    /// <summary>How long a ClientHello or the first bytes of HTTP are waited for before a connection counts as plain bytes. Short,
    /// because plaintext clients of protocols in which the server speaks first wait that long.</summary>
    private static readonly TimeSpan DetectionTimeout = TimeSpan.FromSeconds(1);

    public static IEnumerable<Cluster> Clusters(InboundProfile profile)
    {
        yield return ClusterBuilder.Inbound(Names.InboundPassthrough, PortProtocol.Tcp, profile.HasIpv6);
        foreach (var port in profile.Ports) yield return ClusterBuilder.Inbound(Names.Inbound(port.Port), port.Protocol, profile.HasIpv6);
    }

    /// <summary>The listener that all arriving connections are redirected to. It has no default chain: that would take what a strict
    /// port refuses. Envoy looks at the port first and never goes back, so chains without a port are for unlisted ports only.</summary>
    public Listener Listener(InboundProfile profile, string trustDomain)
    {
        var listener = new Listener
        {
            Name = Names.InboundListener,
            StatPrefix = Names.InboundListener,
            Address = EnvoyMessages.Address("0.0.0.0", ProxyPort.Inbound),
            TrafficDirection = TrafficDirection.Inbound,
            SocketOptions = { Keepalive.Accepted },
        };
        if (profile.DefaultMode is not MtlsMode.Strict || profile.Ports.Any(port => port.Mode is not MtlsMode.Strict))
        {
            // Where nothing but TLS is taken, a ClientHello that is late is waited for.
            listener.ListenerFiltersTimeout = EnvoyMessages.Duration(DetectionTimeout);
            listener.ContinueOnListenerFiltersTimeout = true;
        }

        observability.Inbound(listener);
        if (profile.HasIpv6) listener.AdditionalAddresses.Add(new AdditionalAddress { Address = EnvoyMessages.Address("::", ProxyPort.Inbound) });
        listener.ListenerFilters.Add(
            new ListenerFilter { Name = "envoy.filters.listener.original_dst", TypedConfig = EnvoyMessages.Pack(new OriginalDst()) });
        listener.ListenerFilters.Add(new ListenerFilter
        {
            Name = "envoy.filters.listener.tls_inspector",
            TypedConfig = EnvoyMessages.Pack(new TlsInspector()),
            FilterDisabled = WithoutTls(profile),
        });
        if (Ports(profile.Ports.Where(Sniffs)) is { } sniffed)
        {
            var inspector = OutboundListenerBuilder.HttpInspector();
            inspector.FilterDisabled = new ListenerFilterChainMatchPredicate { NotMatch = sniffed };
            listener.ListenerFilters.Add(inspector);
        }

        listener.FilterChains.Add(new FilterChain
        {
            Name = Names.Blackhole,
            FilterChainMatch = new FilterChainMatch { DestinationPort = ProxyPort.Inbound },
            Filters = { EnvoyMessages.TcpProxy(Names.Blackhole, Names.Blackhole) },
        });
        var ofAll = TlsContexts.Downstream(trustDomain, profile.Tls, null);
        TransportSocket Tls(IReadOnlyList<StringMatch>? callers) => callers is null ? ofAll : TlsContexts.Downstream(trustDomain, profile.Tls, callers);
        foreach (var port in profile.Ports)
        {
            if (port.Port != ProxyPort.Inbound) listener.FilterChains.AddRange(Chains(port, Names.Inbound(port.Port), (uint)port.Port, Tls));
        }

        listener.FilterChains.AddRange(
            Chains(new InboundPort(0, PortProtocol.Tcp, profile.DefaultMode, profile.DefaultAccess), Names.InboundPassthrough, null, Tls));
        return listener;
    }

    /// <param name="port">The port.</param>
    /// <param name="cluster">Its cluster.</param>
    /// <param name="destination">Its number; null for those that are not listed.</param>
    /// <param name="tls">Makes the server's end of mutual TLS for these callers; null for all of the mesh.</param>
    private IEnumerable<FilterChain> Chains(InboundPort port, string cluster, uint? destination, Func<IReadOnlyList<StringMatch>?, TransportSocket> tls)
    {
        var isHttp = port.Protocol is PortProtocol.Http or PortProtocol.Http2 or PortProtocol.Grpc;
        if (port.Mode is MtlsMode.Disabled)
        {
            var any = destination is null ? null : new FilterChainMatch { DestinationPort = destination };
            if (Sniffs(port))
            {
                yield return PlaintextHttp();
                // Envoy does not go back from chains for the same transport to one for any. No TLS is looked for here, so all is that.
                any!.TransportProtocol = "raw_buffer";
            }

            yield return new FilterChain
            {
                Name = $"{cluster}/any",
                FilterChainMatch = any,
                Filters = { Declared(mtls: false) },
            };
            yield break;
        }

        // What clients say decides where nothing is declared: they name HTTP before bytes, and the first name that is known wins.
        if (port.Protocol is PortProtocol.Detect) yield return MutualTls("mtls-http", Names.MeshHttpAlpn, [Http(cluster, mtls: true, port)], null);
        var callers = AccessBuilder.Callers(port.Access);
        yield return MutualTls("mtls", Names.MeshAlpn, Declared(mtls: true), isHttp ? null : callers);
        if (port.Mode is MtlsMode.Strict) yield break;

        if (Sniffs(port)) yield return PlaintextHttp();
        if (isHttp || callers is null)
        {
            yield return new FilterChain
            {
                Name = $"{cluster}/plaintext",
                FilterChainMatch = new FilterChainMatch { DestinationPort = destination, TransportProtocol = "raw_buffer" },
                Filters = { Declared(mtls: false) },
            };
        }

        // Who needs an identity to be allowed has none here.
        if (callers is not null) yield break;
        yield return new FilterChain
        {
            Name = $"{cluster}/tls",
            FilterChainMatch = new FilterChainMatch { DestinationPort = destination, TransportProtocol = "tls" },
            Filters = { Tcp(cluster, port.Access) },
        };

        IEnumerable<Filter> Declared(bool mtls) => isHttp ? [Http(cluster, mtls, port)] : Tcp(cluster, port.Access);

        FilterChain PlaintextHttp() => new()
        {
            Name = $"{cluster}/plaintext-http",
            FilterChainMatch = OutboundListenerBuilder.PlainHttp(destination),
            Filters = { Http(cluster, mtls: false, port) },
        };

        FilterChain MutualTls(string name, string alpn, IEnumerable<Filter> filters, IReadOnlyList<StringMatch>? callers) => new()
        {
            Name = $"{cluster}/{name}",
            FilterChainMatch = new FilterChainMatch { DestinationPort = destination, TransportProtocol = "tls", ApplicationProtocols = { alpn } },
            Filters = { filters },
            TransportSocket = tls(callers),
        };
    }

    private IEnumerable<Filter> Tcp(string cluster, AccessPolicy? access)
    {
        var proxy = new TcpProxy { Cluster = cluster, StatPrefix = cluster };
        observability.Inbound(proxy);
        return [.. AccessBuilder.Network(access, cluster), EnvoyMessages.TcpProxy(proxy)];
    }

    /// <summary>Whoever sends a plaintext request could write any identity into <c>x-forwarded-client-cert</c>, so it is removed from
    /// those and set anew from the certificate of the others.</summary>
    private Filter Http(string cluster, bool mtls, InboundPort port)
    {
        var manager = ConnectionManagerBuilder.Create(cluster, "localhost");
        manager.ForwardClientCertDetails = mtls
            ? Manager.Types.ForwardClientCertDetails.SanitizeSet
            : Manager.Types.ForwardClientCertDetails.Sanitize;
        manager.RouteConfig = new RouteConfiguration
        {
            Name = cluster,
            ResponseHeadersToRemove = { NotSent.Header },
            VirtualHosts =
            {
                new VirtualHost
                {
                    Name = cluster,
                    Domains = { "*" },
                    Routes =
                    {
                        new EnvoyRoute
                        {
                            Name = "default",
                            Match = new RouteMatch { Prefix = "/" },
                            Route_ = new RouteAction
                            {
                                // The client's proxy has the time-outs.
                                Cluster = cluster,
                                Timeout = EnvoyMessages.Duration(TimeSpan.Zero),
                                RateLimits = { RateLimitBuilder.Descriptors(port.Limits) },
                            },
                        },
                    },
                },
            },
        };
        if (NamesPaths(port))
        {
            // What an application takes for the same path must not pass as another one.
            manager.MergeSlashes = true;
            manager.PathWithEscapedSlashesAction = Manager.Types.PathWithEscapedSlashesAction.RejectRequest;
        }

        if (mtls)
        {
            manager.SetCurrentClientCertDetails = new Manager.Types.SetCurrentClientCertDetails { Uri = true };
            manager.LocalReplyConfig = NotSent.Answers;
        }

        manager.HttpFilters.AddRange(AccessBuilder.Http(port.Access));
        if (RateLimitBuilder.Filter(port.Limits, cluster) is { } limits) manager.HttpFilters.Add(limits);
        manager.HttpFilters.AddRange(EnvoyMessages.HttpFilters());
        observability.Inbound(manager);
        return EnvoyMessages.ConnectionManager(manager);
    }

    /// <summary>Whether plaintext is looked at. Where mutual TLS is disabled only for policies that ask for requests, as connections in
    /// which the server speaks first wait for it.</summary>
    private static bool Sniffs(InboundPort port) => port.Protocol is PortProtocol.Detect && port.Mode switch
    {
        MtlsMode.Permissive => true,
        MtlsMode.Disabled => port.Limits.Count > 0 || Rules(port).Any(rule => rule.NeedsHttp),
        _ => false,
    };

    private static bool NamesPaths(InboundPort port) =>
        port.Limits.Any(limit => limit.Match.Path is not null) || Rules(port).Any(rule => rule.Paths.Count > 0);

    private static IEnumerable<AccessRule> Rules(InboundPort port) => port.Access is { } access ? access.Allow.Concat(access.Deny) : [];

    /// <summary>Where no TLS is to be looked for, as the client's first bytes would be waited for in vain where the server speaks first.</summary>
    private static ListenerFilterChainMatchPredicate? WithoutTls(InboundProfile profile)
    {
        if (profile.DefaultMode is not MtlsMode.Disabled) return Ports(profile.Ports.Where(port => port.Mode is MtlsMode.Disabled));
        return Ports(profile.Ports.Where(port => port.Mode is not MtlsMode.Disabled)) is { } others
            ? new ListenerFilterChainMatchPredicate { NotMatch = others }
            : new ListenerFilterChainMatchPredicate { AnyMatch = true };
    }

    /// <summary>Null when there are no ports. A predicate of several rules needs at least two.</summary>
    private static ListenerFilterChainMatchPredicate? Ports(IEnumerable<InboundPort> ports)
    {
        var rules = ports
            .Select(port => new ListenerFilterChainMatchPredicate { DestinationPortRange = new Int32Range { Start = port.Port, End = port.Port + 1 } })
            .ToList();
        return rules switch
        {
            [] => null,
            [var only] => only,
            _ => new ListenerFilterChainMatchPredicate { OrMatch = new() { Rules = { rules } } },
        };
    }
}
