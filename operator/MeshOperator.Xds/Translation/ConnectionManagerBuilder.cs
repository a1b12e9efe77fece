using Envoy.Extensions.Filters.Network.HttpConnectionManager.V3;
using Google.Protobuf.WellKnownTypes;
using Manager = Envoy.Extensions.Filters.Network.HttpConnectionManager.V3.HttpConnectionManager;

namespace MeshOperator.Xds.Translation;

/// <summary>Makes connection managers that let an application see what it would see without them: Envoy by itself ends streams after five
/// minutes without bytes, refuses HTTP/1.0 and writes its own name into <c>server</c>.</summary>
internal static class ConnectionManagerBuilder
{
    /// <summary>A manager without routes and filters.</summary>
    /// <param name="statPrefix">The name in statistics.</param>
    /// <param name="defaultHost">The host of requests of HTTP/1.0 that name none.</param>
    public static Manager Create(string statPrefix, string defaultHost) => new()
    {
        StatPrefix = statPrefix,
        UseRemoteAddress = false,
        NormalizePath = true,
        StreamIdleTimeout = new Duration(),
        HttpProtocolOptions = new() { AcceptHttp10 = true, DefaultHostForHttp10 = defaultHost },
        ServerHeaderTransformation = Manager.Types.ServerHeaderTransformation.PassThrough,
        UpgradeConfigs = { new Manager.Types.UpgradeConfig { UpgradeType = "websocket" } },
    };

    /// <summary>Where a manager's routes come from.</summary>
    public static Rds Routes(string name) => new() { ConfigSource = EnvoyMessages.Ads, RouteConfigName = name };
}
