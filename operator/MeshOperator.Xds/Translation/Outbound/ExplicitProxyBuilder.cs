using Envoy.Config.Core.V3;
using Envoy.Config.Listener.V3;
using Envoy.Config.Route.V3;
using Envoy.Extensions.Filters.Network.HttpConnectionManager.V3;
using MeshOperator.Api;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Translation.Shared;
using MeshOperator.Xds.Translation.Telemetry;
using EnvoyRoute = Envoy.Config.Route.V3.Route;
using Manager = Envoy.Extensions.Filters.Network.HttpConnectionManager.V3.HttpConnectionManager;

namespace MeshOperator.Xds.Translation.Outbound;

/// <summary>Makes the listener and the routes of a proxy to which nothing is redirected. Its application calls it as an HTTP proxy, on
/// loopback, and each request names the service as its host.</summary>
internal sealed class ExplicitProxyBuilder(Observability observability, OutboundListenerBuilder listeners)
{
    private const int HttpPort = 80;

    /// <summary>As proxies answer for a host that they cannot find. 404 would look like an answer of the application.</summary>
    private const uint UnknownHostStatus = 502;

    /// <summary>The listener for requests to any service.</summary>
    /// <param name="routeName">The name of its routes.</param>
    /// <param name="address">The address at which the application calls it.</param>
    public Listener Listener(string routeName, string address)
    {
        // A request that names no host has nowhere to go.
        var manager = ConnectionManagerBuilder.Create(Names.ExplicitProxy, "unknown", listeners.HeaderCase);
        manager.Rds = ConnectionManagerBuilder.Routes(routeName);
        manager.LocalReplyConfig = LocalReplies.ToApplication;
        manager.HttpFilters.Add(PodHosts.ChooseEndpoint);
        manager.HttpFilters.AddRange(ConnectionManagerBuilder.OutboundFilters);
        observability.Outbound(manager);
        return new Listener
        {
            Name = Names.ExplicitProxy,
            StatPrefix = Names.ExplicitProxy,
            Address = EnvoyMessages.Address(address, ProxyPort.Outbound),
            TrafficDirection = TrafficDirection.Outbound,
            FilterChains = { new FilterChain { Filters = { EnvoyMessages.ConnectionManager(manager) } } },
        };
    }

    /// <summary>The listener of a local port: what leads to the service port where connections are redirected, but bound.</summary>
    public Listener LocalPort(MeshServicePort port, string address, int number)
    {
        var listener = listeners.ServicePort(Names.Local(number), port, address, number, PortRouting.ForPort(port), []);
        listener.BindToPort = null;
        return listener;
    }

    /// <summary>What passes on the bytes that arrive at a local port; null where there are only requests.</summary>
    public TypedExtensionConfig? LocalBytes(MeshServicePort port) =>
        port.Protocol is PortProtocol.Tcp or PortProtocol.Detect ? listeners.Bytes(port, PortRouting.ForPort(port)) : null;

    /// <summary>The routes of the requests that arrive at a local port; null where there are only bytes.</summary>
    public static RouteConfiguration? LocalRoutes(MeshServicePort port) =>
        port.Protocol is PortProtocol.Tcp ? null : RouteBuilder.Routes(port, PortRouting.ForPort(port));

    /// <summary>A virtual host for each service port, and for each pod that a headless service gives a name of its own, with the routes
    /// that they have for redirected connections.</summary>
    /// <param name="name">Of the route configuration.</param>
    /// <param name="ns">The namespace in which a service may be called by its name alone.</param>
    /// <param name="ports">The service ports that can be called.</param>
    /// <param name="naming">By which names services are known.</param>
    public static RouteConfiguration Routes(string name, string ns, IReadOnlyCollection<MeshServicePort> ports, MeshNaming naming)
    {
        var addresses = ports.SelectMany(port => port.Addresses).ToHashSet(StringComparer.Ordinal);
        var configuration = new RouteConfiguration { Name = name, ResponseHeadersToRemove = { NotSent.Header } };
        var taken = new HashSet<string>(StringComparer.Ordinal);
        var called = ports.Where(port => port.Protocol is not PortProtocol.Tcp).ToList();
        var numbers = ports.Select(port => (port.Service, port.Port)).ToHashSet();

        // Within its namespace, DNS looks for a pod by the name NAME.SERVICE before it looks for a service by NAME.NAMESPACE.
        configuration.VirtualHosts.AddRange(called.SelectMany(port => PodHosts.Create(port, endpoint => PodDomains(port, endpoint))));
        foreach (var port in called)
        {
            if (ServiceDomains(port) is { Count: > 0 } domains)
                configuration.VirtualHosts.Add(ServiceHost(port, domains));
        }

        configuration.VirtualHosts.Add(UnknownHost());
        return configuration;

        List<string> PodDomains(MeshServicePort port, MeshEndpoint endpoint) =>
            Free(naming.FindPodNames(endpoint.Hostname!, port.Service, ns), endpoint.Port);

        List<string> ServiceDomains(MeshServicePort port)
        {
            var external = port.ExternalAddresses.Where(address => !addresses.Contains(address));
            List<string> hosts = [.. naming.FindNames(port.Service, ns), .. port.Addresses.Concat(external).Select(IpFamily.AsHost)];
            return [.. Free(hosts, port.Port), .. PodPorts(port).SelectMany(number => Free(hosts, number))];
        }

        // The name of a headless service leads to its pods' addresses, so it is called with their ports.
        IEnumerable<int> PodPorts(MeshServicePort port) =>
            port.IsHeadless
                ? port.Endpoints.Select(endpoint => endpoint.Port).Distinct().Where(number => !numbers.Contains((port.Service, number)))
                : [];

        // Two services can claim one address; the first by name has it.
        List<string> Free(IEnumerable<string> hosts, int port) => [.. hosts.SelectMany(host => Domains(host, port)).Where(taken.Add)];
    }

    private static VirtualHost ServiceHost(MeshServicePort port, IReadOnlyList<string> domains) =>
        new()
        {
            Name = $"{port.Service}:{port.Port}",
            Domains = { domains },
            Routes = { RouteBuilder.RequestRoutes(port, PortRouting.ForPort(port)) },
        };

    /// <summary>A host without a port means that of HTTP.</summary>
    private static IEnumerable<string> Domains(string host, int port) => port == HttpPort ? [host, $"{host}:{port}"] : [$"{host}:{port}"];

    /// <summary>Envoy can reach hosts that it learns from requests only with an extension that resolves names, and would then lead
    /// anywhere.</summary>
    private static VirtualHost UnknownHost() =>
        new()
        {
            Name = "unknown-host",
            Domains = { "*" },
            Routes =
            {
                new EnvoyRoute
                {
                    Name = "unknown-host",
                    Match = new RouteMatch { Prefix = "/" },
                    DirectResponse = new DirectResponseAction
                    {
                        Status = UnknownHostStatus,
                        Body = new DataSource
                        {
                            InlineString =
                                "MeshOperator: this host and port are not an HTTP service of the mesh; call them without the proxy "
                                + "(no_proxy)\n",
                        },
                    },
                },
            },
        };
}
