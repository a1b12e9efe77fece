using Envoy.Config.Core.V3;
using Envoy.Config.Route.V3;
using Envoy.Extensions.Filters.Common.SetFilterState.V3;
using Envoy.Extensions.Filters.Network.HttpConnectionManager.V3;
using Google.Protobuf.WellKnownTypes;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Translation.Shared;
using SetFilterState = Envoy.Extensions.Filters.Http.SetFilterState.V3.Config;

namespace MeshOperator.Xds.Translation.Outbound;

/// <summary>Makes the virtual hosts of pods that have a name of their own within a headless service, as those of a StatefulSet have. A
/// pod's virtual host names its endpoint, and the cluster of a headless service connects to the endpoint that was chosen.</summary>
internal static class PodHosts
{
    /// <summary>How many routes the pods of one service port may have in all. Each pod repeats the routes of the port, so that their number
    /// is the product of both.</summary>
    public const int MaxRoutes = 1_000;

    private const string Metadata = "meshoperator.io";
    private const string Endpoint = "endpoint";

    /// <summary>Lets the virtual host choose the endpoint. Other hosts name none.</summary>
    public static HttpFilter ChooseEndpoint { get; } =
        new()
        {
            Name = "envoy.filters.http.set_filter_state",
            TypedConfig = EnvoyMessages.Pack(
                new SetFilterState
                {
                    OnRequestHeaders =
                    {
                        new FilterStateValue
                        {
                            ObjectKey = "envoy.network.transport_socket.original_dst_address",
                            FormatString = new SubstitutionFormatString
                            {
                                TextFormatSource = new DataSource { InlineString = $"%METADATA(VIRTUAL_HOST:{Metadata}:{Endpoint})%" },
                                OmitEmptyValues = true,
                            },
                            SkipIfEmpty = true,
                        },
                    },
                }
            ),
        };

    /// <summary>The virtual hosts of a service port's pods, by their ordinals. DNS knows only the pods' addresses, so the ports are the
    /// pods'.</summary>
    /// <param name="port">The service port.</param>
    /// <param name="findDomains">Finds the domains of an endpoint that are free.</param>
    public static IEnumerable<VirtualHost> Create(MeshServicePort port, Func<MeshEndpoint, IReadOnlyList<string>> findDomains)
    {
        if (!port.IsHeadless)
            yield break;
        var named = port
            .Endpoints.Where(endpoint => endpoint.Hostname is not null)
            .OrderBy(endpoint => endpoint.IsDraining)
            .ThenBy(endpoint => endpoint.Hostname!.Length)
            .ThenBy(endpoint => endpoint.Hostname, StringComparer.Ordinal)
            .Take(Math.Max(1, MaxRoutes / Math.Max(1, port.Routes.Count)));
        foreach (var endpoint in named)
        {
            if (findDomains(endpoint) is { Count: > 0 } domains)
                yield return Create(port, endpoint, domains);
        }
    }

    private static VirtualHost Create(MeshServicePort port, MeshEndpoint endpoint, IReadOnlyList<string> domains)
    {
        var address = $"{IpFamily.AsHost(endpoint.Address)}:{endpoint.Port}";
        return new VirtualHost
        {
            Name = $"{endpoint.Hostname}.{port.Service}:{endpoint.Port}",
            Domains = { domains },
            Metadata = new() { FilterMetadata = { [Metadata] = new Struct { Fields = { [Endpoint] = Value.ForString(address) } } } },
            Routes = { RouteBuilder.RequestRoutes(port, PortRouting.Direct(port, endpoint.Identity is not null)) },
        };
    }
}
