using Envoy.Config.Common.MutationRules.V3;
using Envoy.Config.Core.V3;
using Envoy.Extensions.Filters.Network.HttpConnectionManager.V3;
using Google.Protobuf.WellKnownTypes;
using EarlyHeaderMutation = Envoy.Extensions.Http.EarlyHeaderMutation.HeaderMutation.V3.HeaderMutation;
using Manager = Envoy.Extensions.Filters.Network.HttpConnectionManager.V3.HttpConnectionManager;

namespace MeshOperator.Xds.Translation.Shared;

/// <summary>Makes connection managers that let an application see what it would see without them: Envoy by itself ends streams after five
/// minutes without bytes, refuses HTTP/1.0, drops trailers of HTTP/1.1, answers <c>Expect: 100-continue</c> itself, changes paths and
/// writes its own name into <c>server</c>.</summary>
internal static class ConnectionManagerBuilder
{
    /// <summary>Headers by which Envoy takes orders, or reveals things about itself (its documentation of HTTP headers). Who sends them
    /// means another proxy, if any, so they are taken out before anything looks at them. These are the ones that Envoy leaves in requests
    /// of whoever is not internal, which is nobody; each is looked for in each request, which costs. The others it takes out
    /// itself.</summary>
    private static readonly string[] EnvoyHeaders =
    [
        "attempt-count",
        "decorator-operation",
        "downstream-service-cluster",
        "downstream-service-node",
        "external-address",
        "is-timeout-retry",
        "original-dst-host",
        "original-host",
        "original-method",
        "original-path",
        "peer-metadata",
        "peer-metadata-id",
        "upstream-stream-duration-ms",
    ];

    /// <summary>Who may give orders: an address that no request can come from, as Envoy without any takes all private ones.</summary>
    private static readonly Manager.Types.InternalAddressConfig Nobody = new()
    {
        CidrRanges =
        {
            new CidrRange { AddressPrefix = "255.255.255.255", PrefixLen = 32 },
        },
    };

    /// <summary>How long a request's headers may take from their first byte to their last. What is never finished would hold its memory
    /// for ever.</summary>
    private static readonly TimeSpan HeadersTimeout = TimeSpan.FromSeconds(60);

    private static readonly TypedExtensionConfig WithoutEnvoyHeaders = new()
    {
        Name = "envoy.http.early_header_mutation.header_mutation",
        TypedConfig = EnvoyMessages.Pack(
            new EarlyHeaderMutation { Mutations = { EnvoyHeaders.Select(header => new HeaderMutation { Remove = $"x-envoy-{header}" }) } }
        ),
    };

    /// <summary>A manager without routes and filters.</summary>
    /// <param name="statPrefix">The name in statistics.</param>
    /// <param name="defaultHost">The host of requests of HTTP/1.0 that name none.</param>
    /// <param name="headerCase">How names of headers are written.</param>
    /// <param name="isFromProxy">Whether connections come from other proxies of the mesh, whose identities are known.</param>
    public static Manager Create(string statPrefix, string defaultHost, HeaderCase headerCase, bool isFromProxy = false) =>
        new()
        {
            StatPrefix = statPrefix,
            UseRemoteAddress = false,
            InternalAddressConfig = Nobody,

            // The application gets the path as it was sent. Access rules judge that, see PathPatterns.
            NormalizePath = false,
            StreamIdleTimeout = new Duration(),
            RequestHeadersTimeout = EnvoyMessages.Duration(HeadersTimeout),
            Proxy100Continue = true,
            HttpProtocolOptions = Http1Settings.FromClient(defaultHost, headerCase),
            Http2ProtocolOptions = isFromProxy ? Http2Settings.FromProxy() : Http2Settings.FromClient(),
            EarlyHeaderMutationExtensions = { WithoutEnvoyHeaders },
            ServerHeaderTransformation = Manager.Types.ServerHeaderTransformation.PassThrough,
            UpgradeConfigs =
            {
                new Manager.Types.UpgradeConfig { UpgradeType = "websocket" },
                new Manager.Types.UpgradeConfig { UpgradeType = "CONNECT" },
            },
        };

    /// <summary>The filters of requests that leave: faults, for routes that have some, and the router.</summary>
    public static IReadOnlyList<HttpFilter> OutboundFilters { get; } =
    [.. EnvoyMessages.HttpFilters().Select(filter => filter.Name == Names.FaultFilter ? EnvoyMessages.OffByDefault(filter) : filter)];

    /// <summary>Where a manager's routes come from.</summary>
    public static Rds Routes(string name) => new() { ConfigSource = EnvoyMessages.Ads, RouteConfigName = name };
}
