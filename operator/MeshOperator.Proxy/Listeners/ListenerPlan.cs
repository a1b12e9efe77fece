using System.Net;
using Envoy.Config.Core.V3;
using Envoy.Config.Listener.V3;
using Envoy.Extensions.Filters.Listener.HttpInspector.V3;
using Envoy.Extensions.Filters.Listener.TlsInspector.V3;
using MeshOperator.Proxy.Resources;

namespace MeshOperator.Proxy.Listeners;

/// <summary>A listener, ready for use.</summary>
internal sealed record ListenerPlan
{
    private static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(15);

    private readonly IReadOnlyList<ChainPlan> _chains;
    private readonly ChainPlan? _default;
    private readonly Func<int, bool> _looksForTls;
    private readonly Func<int, bool> _looksForHttp;

    /// <summary>A listener of which all connections are requests.</summary>
    public ListenerPlan(string name, IPEndPoint address, IRequestHandler handler)
    {
        Name = name;
        Addresses = [address];
        _chains = [];
        _default = ChainPlan.Create(name, handler);
        _looksForTls = _looksForHttp = _ => false;
    }

    private ListenerPlan(Listener listener, ChainFactory chains)
    {
        Name = listener.Name;
        Addresses = [.. listener.AdditionalAddresses.Select(additional => additional.Address).Prepend(listener.Address).Select(ToAddress)];
        _chains = [.. listener.FilterChains.Select(chains.Create)];
        _default = listener.DefaultFilterChain is { } chain ? chains.Create(chain) : null;
        _looksForTls = Inspector<TlsInspector>(listener);
        _looksForHttp = Inspector<HttpInspector>(listener);
        Timeout = listener.ListenerFiltersTimeout?.ToTimeSpan() ?? DefaultTimeout;
        GoesOnAfterTimeout = listener.ContinueOnListenerFiltersTimeout;
    }

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>Where it listens.</summary>
    public IReadOnlyList<IPEndPoint> Addresses { get; }

    /// <summary>How long the first bytes of a connection are waited for; zero for ever.</summary>
    public TimeSpan Timeout { get; }

    /// <summary>Whether a connection without enough bytes goes on after that.</summary>
    public bool GoesOnAfterTimeout { get; }

    /// <summary>Makes a plan.</summary>
    /// <exception cref="ArgumentException">Something in it cannot be had here.</exception>
    public static ListenerPlan Create(Listener listener, ChainFactory chains) => new(listener, chains);

    /// <summary>Whether TLS is looked for at a port.</summary>
    public bool LooksForTls(int port) => _looksForTls(port);

    /// <summary>Whether HTTP is looked for at a port.</summary>
    public bool LooksForHttp(int port) => _looksForHttp(port);

    /// <summary>Whether a chain of another plan is in this one too.</summary>
    public bool Has(ChainPlan chain) => _chains.Any(chain.IsSame) || (_default is not null && chain.IsSame(_default));

    /// <summary>The chain for a connection, or null. As in Envoy the port is looked at first, then the transport, then the application's
    /// protocols in the client's order; a chain that fits better by an earlier one is never gone back from.</summary>
    public ChainPlan? Find(int port, FirstBytes first)
    {
        var byPort = Narrow(_chains, chain => chain.Port == port, chain => chain.Port is null);
        var byTransport = Narrow(byPort, chain => chain.Transport == first.Transport, chain => chain.Transport.Length == 0);
        foreach (var protocol in first.Protocols)
        {
            if (byTransport.FirstOrDefault(chain => chain.Protocols.Contains(protocol)) is { } found)
                return found;
        }

        return byTransport.FirstOrDefault(chain => chain.Protocols.Count == 0) ?? _default;
    }

    private static IReadOnlyList<ChainPlan> Narrow(
        IReadOnlyList<ChainPlan> chains,
        Func<ChainPlan, bool> fits,
        Func<ChainPlan, bool> isOpen
    ) => chains.Any(fits) ? [.. chains.Where(fits)] : [.. chains.Where(isOpen)];

    private static IPEndPoint ToAddress(Address address) =>
        IPAddress.TryParse(address.SocketAddress.Address, out var ip)
            ? new IPEndPoint(ip, (int)address.SocketAddress.PortValue)
            : throw new ArgumentException($"address: {address.SocketAddress.Address} is no IP address");

    private static Func<int, bool> Inspector<T>(Listener listener)
    {
        foreach (var filter in listener.ListenerFilters)
        {
            if (ResourceReader.Unpack(filter.TypedConfig) is not T)
                continue;
            if (filter.FilterDisabled is not { } disabled)
                return _ => true;
            var isDisabled = Condition(disabled);
            return port => !isDisabled(port);
        }

        return _ => false;
    }

    private static Func<int, bool> Condition(ListenerFilterChainMatchPredicate predicate)
    {
        switch (predicate.RuleCase)
        {
            case ListenerFilterChainMatchPredicate.RuleOneofCase.OrMatch:
                var any = predicate.OrMatch.Rules.Select(Condition).ToArray();
                return port => Array.Exists(any, condition => condition(port));
            case ListenerFilterChainMatchPredicate.RuleOneofCase.NotMatch:
                var inner = Condition(predicate.NotMatch);
                return port => !inner(port);
            case ListenerFilterChainMatchPredicate.RuleOneofCase.DestinationPortRange:
                var range = predicate.DestinationPortRange;
                return port => port >= range.Start && port < range.End;
            default:
                return _ => predicate.AnyMatch;
        }
    }
}
