using Envoy.Config.Core.V3;
using HttpProtocolOptions = Envoy.Extensions.Upstreams.Http.V3.HttpProtocolOptions;

namespace MeshOperator.Xds.Translation.Shared;

/// <summary>Which version of HTTP a cluster's endpoints are spoken to in.</summary>
internal static class UpstreamProtocols
{
    /// <summary>The name under which a cluster has the options.</summary>
    public const string OptionsName = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

    /// <summary>HTTP/2 always.</summary>
    public static HttpProtocolOptions Http2() => new() { ExplicitHttpConfig = new() { Http2ProtocolOptions = new Http2ProtocolOptions() } };
}
