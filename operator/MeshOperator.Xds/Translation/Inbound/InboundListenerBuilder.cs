using Envoy.Config.Core.V3;
using Envoy.Config.Listener.V3;
using Envoy.Extensions.Filters.Http.Rbac.V3;
using Envoy.Extensions.Filters.Listener.OriginalDst.V3;
using Envoy.Extensions.Filters.Listener.TlsInspector.V3;
using Envoy.Extensions.Filters.Network.HttpConnectionManager.V3;
using Envoy.Type.V3;
using MeshOperator.Api;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Translation.Outbound;
using MeshOperator.Xds.Translation.Shared;
using MeshOperator.Xds.Translation.Telemetry;
using Manager = Envoy.Extensions.Filters.Network.HttpConnectionManager.V3.HttpConnectionManager;

namespace MeshOperator.Xds.Translation.Inbound;

/// <summary>Makes the listener for connections that arrive at a pod. Access rules and rate limits are not in it: those of HTTP are in
/// the routes (RDS) and in filters of their own (ECDS), those of bytes in filters and in what certificates are checked against (SDS).
/// So a change of them is in effect for the next request on every open connection, and ends none.</summary>
internal sealed class InboundListenerBuilder(Observability observability, HeaderCase headerCase)
{
    /// <summary>How long the first bytes of a client are waited for before its connection counts as plain bytes. Short, because plaintext
    /// clients of protocols in which the server speaks first wait that long. The same for all modes, as a difference outside of the filter
    /// chains has Envoy replace the whole listener.</summary>
    private static readonly TimeSpan DetectionTimeout = TimeSpan.FromSeconds(1);

    /// <summary>The buffer for the first bytes of a connection. By itself Envoy holds 16 KiB for each connection that has said too
    /// little.</summary>
    private const uint FirstBytes = 512;

    /// <summary>The listener. It has no default chain: that would take what a strict port refuses. Envoy looks at the port first and never
    /// goes back, so chains without a port are for unlisted ports only.</summary>
    /// <param name="profile">What the proxy does with connections that arrive.</param>
    /// <param name="targets">The targets of <paramref name="profile"/>.</param>
    /// <param name="trustDomain">The SPIFFE trust domain.</param>
    public Listener Listener(InboundProfile profile, IReadOnlyList<InboundTarget> targets, string trustDomain)
    {
        var listener = Create(Names.InboundListener, profile.HasIpv6 ? ["0.0.0.0", "::"] : ["0.0.0.0"], ProxyPort.Inbound);
        listener.ListenerFilters.Add(
            new ListenerFilter { Name = "envoy.filters.listener.original_dst", TypedConfig = EnvoyMessages.Pack(new OriginalDst()) }
        );

        // Both look at all ports but those without mutual TLS, whatever is declared: with a port's protocol the whole listener would
        // change.
        AddInspectors(listener, WithoutTls(profile));

        listener.FilterChains.Add(
            new FilterChain
            {
                Name = Names.Blackhole,
                FilterChainMatch = new FilterChainMatch { DestinationPort = ProxyPort.Inbound },
                Filters = { EnvoyMessages.TcpProxy(Names.Blackhole, Names.Blackhole) },
            }
        );
        var ofAll = TlsContexts.Downstream(trustDomain, profile.Tls);
        foreach (var target in targets)
            listener.FilterChains.AddRange(target.Chains.Select(chain => Chain(target, chain, profile.Tls, ofAll)));
        return listener;
    }

    /// <summary>The listeners of a proxy that listens at the application's ports itself: one a port, with the chains that it would have in
    /// the one listener for all.</summary>
    /// <param name="profile">What the proxy does with connections that arrive.</param>
    /// <param name="binding">Where it listens.</param>
    /// <param name="targets">The targets of <paramref name="profile"/>.</param>
    /// <param name="trustDomain">The SPIFFE trust domain.</param>
    public IEnumerable<Listener> BoundListeners(
        InboundProfile profile,
        InboundBinding binding,
        IReadOnlyList<InboundTarget> targets,
        string trustDomain
    )
    {
        var tlsOfAll = TlsContexts.Downstream(trustDomain, profile.Tls);
        foreach (var target in targets)
        {
            if (target.Number is not { } number || binding.Addresses.Count == 0)
                continue;
            var listener = Create(target.Name, binding.Addresses, number);
            var disabled = target.Port.Mode is MtlsMode.Disabled ? new ListenerFilterChainMatchPredicate { AnyMatch = true } : null;
            AddInspectors(listener, disabled);
            foreach (var chain in target.Chains)
            {
                var filterChain = Chain(target, chain, profile.Tls, tlsOfAll);
                filterChain.FilterChainMatch = MatchTransport(chain);
                listener.FilterChains.Add(filterChain);
            }

            yield return listener;
        }
    }

    private Listener Create(string name, IEnumerable<string> addresses, uint port)
    {
        var listener = new Listener
        {
            Name = name,
            StatPrefix = name,
            TrafficDirection = TrafficDirection.Inbound,
            SocketOptions = { Keepalive.Accepted },
            ListenerFiltersTimeout = EnvoyMessages.Duration(DetectionTimeout),
            ContinueOnListenerFiltersTimeout = true,

            // The time for first bytes begins when a connection is accepted. Of a crowd that comes at once each is looked at before the
            // next.
            MaxConnectionsToAcceptPerSocketEvent = 1,
        };
        foreach (var address in addresses)
        {
            if (listener.Address is null)
                listener.Address = EnvoyMessages.Address(address, port);
            else
                listener.AdditionalAddresses.Add(new AdditionalAddress { Address = EnvoyMessages.Address(address, port) });
        }

        observability.Inbound(listener);
        return listener;
    }

    private static void AddInspectors(Listener listener, ListenerFilterChainMatchPredicate? disabled)
    {
        var http = OutboundListenerBuilder.HttpInspector();
        http.FilterDisabled = disabled;
        listener.ListenerFilters.Add(
            new ListenerFilter
            {
                Name = "envoy.filters.listener.tls_inspector",
                TypedConfig = EnvoyMessages.Pack(new TlsInspector { InitialReadBufferSize = FirstBytes }),
                FilterDisabled = disabled,
            }
        );
        listener.ListenerFilters.Add(http);
    }

    private FilterChain Chain(InboundTarget target, InboundChain chain, TlsBounds bounds, TransportSocket tlsOfAll)
    {
        var result = new FilterChain
        {
            // Under another name it is another chain: connections of the earlier one end within the drain time, also those that are silent.
            Name = (chain.IsHttp ? target.Port.StreamRevision : target.Port.Revision) is > 0 and var revision
                ? $"{target.Name}/{chain.Suffix}@{revision}"
                : $"{target.Name}/{chain.Suffix}",
            FilterChainMatch = Match(target, chain),
        };
        if (chain.IsMutualTls)
            result.TransportSocket = chain.IsHttp ? tlsOfAll : TlsContexts.CreateDownstream(InboundNames.Callers(target), bounds);
        if (chain.IsHttp)
            result.Filters.Add(Http(target, chain));
        else
            result.Filters.AddRange([
                RevokedFilter.Create(target),
                .. InboundFilters.ForBytes(target, chain).Select(InboundFilters.NetworkSlot),
            ]);
        return result;
    }

    private static FilterChainMatch? Match(InboundTarget target, InboundChain chain)
    {
        if (target.Number is null && chain.Transport.Length == 0)
            return null;
        var match = MatchTransport(chain) ?? new FilterChainMatch();
        match.DestinationPort = target.Number;
        return match;
    }

    private static FilterChainMatch? MatchTransport(InboundChain chain)
    {
        if (chain.Transport.Length == 0)
            return null;
        var match = new FilterChainMatch { TransportProtocol = chain.Transport };
        match.ApplicationProtocols.AddRange(chain.Applications ?? []);
        return match;
    }

    /// <summary>Whoever sends a plaintext request could write any identity into <c>x-forwarded-client-cert</c>, so it is removed from
    /// those and set again from the certificate of the others. The filters are the same for all ports.</summary>
    private Filter Http(InboundTarget target, InboundChain chain)
    {
        var manager = ConnectionManagerBuilder.Create(target.Name, "localhost", headerCase, isFromProxy: chain.IsMutualTls);
        manager.Rds = InboundRoutes.Source(target);
        manager.ForwardClientCertDetails = chain.IsMutualTls
            ? Manager.Types.ForwardClientCertDetails.SanitizeSet
            : Manager.Types.ForwardClientCertDetails.Sanitize;
        manager.LocalReplyConfig = chain.IsMutualTls ? LocalReplies.ToProxy : LocalReplies.ToClient;
        if (chain.IsMutualTls)
            manager.SetCurrentClientCertDetails = new Manager.Types.SetCurrentClientCertDetails { Uri = true };

        manager.HttpFilters.Add(Access(AuditNames.Deny));
        manager.HttpFilters.Add(Access(AuditNames.Allow));
        manager.HttpFilters.AddRange(InboundNames.Limits(target).Select(InboundFilters.HttpSlot));
        manager.HttpFilters.Add(EnvoyMessages.Router);
        observability.Inbound(manager);
        return EnvoyMessages.ConnectionManager(manager);
    }

    /// <summary>A filter whose rules are in the routes. Without any it lets all pass. It is always on, though that costs a little: access
    /// must not depend on a switch. Envoy takes the prefixes of statistics from here.</summary>
    private static HttpFilter Access(string name) =>
        new()
        {
            Name = AccessBuilder.HttpFilter(name),
            TypedConfig = EnvoyMessages.Pack(new RBAC { RulesStatPrefix = $"{name}_", ShadowRulesStatPrefix = AuditNames.Prefix(name) }),
        };

    /// <summary>Where no first bytes are to be waited for, as the server may speak first and has its own TLS if any. Null when there is no
    /// such port.</summary>
    private static ListenerFilterChainMatchPredicate? WithoutTls(InboundProfile profile)
    {
        if (profile.DefaultMode is not MtlsMode.Disabled)
            return Ports(profile.Ports.Where(port => port.Mode is MtlsMode.Disabled));
        return Ports(profile.Ports.Where(port => port.Mode is not MtlsMode.Disabled)) is { } others
            ? new ListenerFilterChainMatchPredicate { NotMatch = others }
            : new ListenerFilterChainMatchPredicate { AnyMatch = true };
    }

    /// <summary>Null when there are no ports. A predicate of several rules needs at least two.</summary>
    private static ListenerFilterChainMatchPredicate? Ports(IEnumerable<InboundPort> ports)
    {
        var rules = ports
            .Select(port => new ListenerFilterChainMatchPredicate
            {
                DestinationPortRange = new Int32Range { Start = port.Port, End = port.Port + 1 },
            })
            .ToList();
        return rules switch
        {
            [] => null,
            [var only] => only,
            _ => new ListenerFilterChainMatchPredicate { OrMatch = new() { Rules = { rules } } },
        };
    }
}
