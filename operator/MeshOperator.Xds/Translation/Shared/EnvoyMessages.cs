using Envoy.Config.Core.V3;
using Envoy.Config.Listener.V3;
using Envoy.Config.Route.V3;
using Envoy.Extensions.Filters.Http.Fault.V3;
using Envoy.Extensions.Filters.Http.Router.V3;
using Envoy.Extensions.Filters.Network.HttpConnectionManager.V3;
using Envoy.Extensions.Filters.Network.TcpProxy.V3;
using Envoy.Type.V3;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;
using MeshOperator.Xds.Resources;

namespace MeshOperator.Xds.Translation.Shared;

/// <summary>Small messages that many resources hold.</summary>
internal static class EnvoyMessages
{
    /// <summary>Where EDS, RDS and SDS resources come from.</summary>
    public static ConfigSource Ads { get; } = new() { Ads = new AggregatedConfigSource(), ResourceApiVersion = ApiVersion.V3 };

    /// <summary>As <see cref="Any.Pack(IMessage)"/>, but with the same bytes for the same content.</summary>
    public static Any Pack(IMessage message) =>
        new() { TypeUrl = TypeUrl(message), Value = UnsafeByteOperations.UnsafeWrap(XdsResource.Serialise(message)) };

    /// <summary>A header that a message has from here on, whatever it had.</summary>
    public static HeaderValueOption Header(string name, string value) =>
        new()
        {
            Header = new Envoy.Config.Core.V3.HeaderValue { Key = name, Value = value },
            AppendAction = HeaderValueOption.Types.HeaderAppendAction.OverwriteIfExistsOrAdd,
        };

    public static Address Address(string address, uint port) =>
        new()
        {
            SocketAddress = new SocketAddress { Address = address, PortValue = port },
        };

    /// <summary>A share of requests, exact to a millionth.</summary>
    /// <param name="share">0 to 1.</param>
    public static FractionalPercent Fraction(double share) =>
        new()
        {
            Numerator = (uint)Math.Clamp(Math.Round(share * 1_000_000), 0, 1_000_000),
            Denominator = FractionalPercent.Types.DenominatorType.Million,
        };

    public static RuntimeFractionalPercent RuntimeFraction(double share) => new() { DefaultValue = Fraction(share) };

    public static Duration Duration(TimeSpan span) => Google.Protobuf.WellKnownTypes.Duration.FromTimeSpan(span);

    /// <summary>A proxy of bytes. Envoy would close a connection after an hour without any, which applications do not expect; whether the
    /// other end is still there is found out by <see cref="Keepalive"/>.</summary>
    public static TcpProxy Bytes(TcpProxy proxy)
    {
        proxy.IdleTimeout ??= new Duration();
        return proxy;
    }

    public static Filter TcpProxy(TcpProxy proxy) => new() { Name = "envoy.filters.network.tcp_proxy", TypedConfig = Pack(Bytes(proxy)) };

    public static Filter TcpProxy(string cluster, string statPrefix) =>
        TcpProxy(new TcpProxy { Cluster = cluster, StatPrefix = statPrefix });

    /// <summary>Says that a filter's configuration is a resource of its own.</summary>
    /// <param name="source">Where it comes from.</param>
    /// <param name="type">Any message of its type.</param>
    public static ExtensionConfigSource Discovery(ConfigSource source, IMessage type) =>
        new() { ConfigSource = source, TypeUrls = { TypeUrl(type) } };

    public static Filter ConnectionManager(HttpConnectionManager manager) =>
        new() { Name = "envoy.filters.network.http_connection_manager", TypedConfig = Pack(manager) };

    /// <summary>The last HTTP filter. Headers of Envoy's own are for nobody: neither clients nor applications asked for them.</summary>
    public static HttpFilter Router { get; } =
        new() { Name = Names.RouterFilter, TypedConfig = Pack(new Router { SuppressEnvoyHeaders = true }) };

    /// <summary>The fault filter, which does nothing where no route configures it, and the router.</summary>
    public static IEnumerable<HttpFilter> HttpFilters() =>
        [new HttpFilter { Name = Names.FaultFilter, TypedConfig = Pack(new HTTPFault()) }, Router];

    /// <summary>A prepared filter: requests go by it unless their route has something for it. To go through it costs, also where it does
    /// nothing.</summary>
    public static HttpFilter OffByDefault(HttpFilter filter) => new(filter) { Disabled = true };

    /// <summary>What a route has for a filter that is off by default and needs nothing else.</summary>
    public static Any On { get; } = Pack(new FilterConfig { Config = new Any() });

    private static string TypeUrl(IMessage message) => "type.googleapis.com/" + message.Descriptor.FullName;
}
