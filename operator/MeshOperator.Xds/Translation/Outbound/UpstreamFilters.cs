using Envoy.Extensions.Filters.Http.UpstreamCodec.V3;
using Envoy.Extensions.Filters.Network.HttpConnectionManager.V3;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Translation.Shared;
using BodyBuffer = Envoy.Extensions.Filters.Http.Buffer.V3.Buffer;
using HttpProtocolOptions = Envoy.Extensions.Upstreams.Http.V3.HttpProtocolOptions;

namespace MeshOperator.Xds.Translation.Outbound;

/// <summary>What requests go through between the router and a connection.</summary>
internal static class UpstreamFilters
{
    /// <summary>As much as is kept of a request for another attempt.</summary>
    private const uint LargestCopy = 16 * 1024 * 1024;

    /// <summary>Nobody waits for the answer to a copy. One that takes longer would only use memory.</summary>
    private static readonly TimeSpan LongestCopy = TimeSpan.FromMinutes(5);

    /// <summary>Takes in the whole body of a copy before a byte of it is sent. Else Envoy sends a copy as it comes, and reads no more of
    /// the request while the mirror does not read. A copy with a larger body is given up.</summary>
    private static readonly HttpFilter WholeBody = new()
    {
        Name = "envoy.filters.http.buffer",
        TypedConfig = EnvoyMessages.Pack(new BodyBuffer { MaxRequestBytes = LargestCopy }),
    };

    private static readonly HttpFilter Codec = new()
    {
        Name = "envoy.filters.http.upstream_codec",
        TypedConfig = EnvoyMessages.Pack(new UpstreamCodec()),
    };

    /// <summary>Adds them to what a cluster speaks.</summary>
    /// <param name="balancing">How an endpoint is chosen.</param>
    /// <param name="isForCopies">Whether its requests are copies.</param>
    /// <param name="options">What the cluster speaks.</param>
    public static void Apply(BalancingSettings balancing, bool isForCopies, HttpProtocolOptions options)
    {
        if (isForCopies)
        {
            options.HttpFilters.Add(WholeBody);
            options.CommonHttpProtocolOptions ??= new();
            options.CommonHttpProtocolOptions.MaxStreamDuration = EnvoyMessages.Duration(LongestCopy);
        }

        if (balancing.Utilization is { AsksForReports: true })
            options.HttpFilters.Add(LoadReports.Filter);
        if (options.HttpFilters.Count > 0)
            options.HttpFilters.Add(Codec);
    }
}
