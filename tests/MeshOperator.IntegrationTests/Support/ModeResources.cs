using Envoy.Config.Endpoint.V3;
using Envoy.Config.Listener.V3;
using Envoy.Service.Discovery.V3;

namespace MeshOperator.IntegrationTests.Support;

/// <summary>What proxies are sent of a mode of mutual TLS.</summary>
internal static class ModeResources
{
    /// <summary>The kinds of connections that port 8080 takes, of a response with the proxy's own listener.</summary>
    public static List<string> Chains(DeltaDiscoveryResponse response) =>
        [
            .. Listener
                .Parser.ParseFrom(response.Resources.Single(r => r.Name == "inbound").Resource_.Value)
                .FilterChains.Where(chain => chain.Name.StartsWith("inbound/8080/", StringComparison.Ordinal))
                .Select(chain => chain.Name["inbound/8080/".Length..]),
        ];

    /// <summary>Whether callers use mutual TLS, of a response with endpoints; those that take none are marked.</summary>
    public static bool TakeMtls(DeltaDiscoveryResponse response) =>
        ClusterLoadAssignment
            .Parser.ParseFrom(response.Resources.Single().Resource_.Value)
            .Endpoints[0]
            .LbEndpoints.All(e => e.Metadata is null);
}
