using MeshOperator.Mesh.Model;
using HttpProtocolOptions = Envoy.Extensions.Upstreams.Http.V3.HttpProtocolOptions;

namespace MeshOperator.Xds.Translation.Shared;

/// <summary>Which version of HTTP a cluster's endpoints are spoken to in.</summary>
internal static class UpstreamProtocols
{
    /// <summary>The name under which a cluster has the options.</summary>
    public const string OptionsName = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

    /// <summary>HTTP/2 always.</summary>
    /// <param name="streams">How many a connection carries at once; null for as many as are usual.</param>
    public static HttpProtocolOptions Http2(uint? streams = null) =>
        new() { ExplicitHttpConfig = new() { Http2ProtocolOptions = Http2Settings.ToServer(streams) } };

    /// <summary>By what is declared of a server's port; null where that is bytes.</summary>
    /// <param name="protocol">What is declared.</param>
    /// <param name="headerCase">How names of headers are written.</param>
    /// <param name="streams">How many streams of HTTP/2 a connection carries at once; null for as many as are usual.</param>
    public static HttpProtocolOptions? ForServer(PortProtocol protocol, HeaderCase headerCase, uint? streams = null) =>
        protocol switch
        {
            PortProtocol.Http2 or PortProtocol.Grpc => Http2(streams),
            // A client may speak HTTP/2 (gRPC, for one) to a port declared as HTTP; it is passed on as it was spoken.
            PortProtocol.Http or PortProtocol.Detect => new HttpProtocolOptions
            {
                UseDownstreamProtocolConfig = new()
                {
                    HttpProtocolOptions = Http1Settings.ToServer(headerCase),
                    Http2ProtocolOptions = Http2Settings.ToServer(streams),
                },
            },
            _ => null,
        };
}
