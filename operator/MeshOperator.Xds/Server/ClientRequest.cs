using Envoy.Config.Core.V3;
using Envoy.Service.Discovery.V3;

namespace MeshOperator.Xds.Server;

/// <summary>A request of either variant of the protocol.</summary>
internal sealed record ClientRequest
{
    public required bool IsDelta { get; init; }

    public required string TypeUrl { get; init; }

    public required string Nonce { get; init; }

    public Node? Node { get; init; }

    /// <summary>Why the client rejects the response with <see cref="Nonce"/>, or null.</summary>
    public string? Error { get; init; }

    /// <summary>State of the world: all names subscribed to. Delta: those subscribed to from now on.</summary>
    public required IReadOnlyList<string> Names { get; init; }

    /// <summary>Delta only.</summary>
    public IReadOnlyList<string> NamesToUnsubscribe { get; init; } = [];

    /// <summary>Delta only: what the client has from an earlier stream.</summary>
    public IReadOnlyDictionary<string, string>? InitialVersions { get; init; }

    /// <summary>State of the world only: the version that the client has.</summary>
    public string Version { get; init; } = "";

    public static ClientRequest From(DiscoveryRequest request) =>
        new()
        {
            IsDelta = false,
            TypeUrl = request.TypeUrl,
            Nonce = request.ResponseNonce,
            Node = request.Node,
            Error = request.ErrorDetail?.Message,
            Names = request.ResourceNames,
            Version = request.VersionInfo,
        };

    public static ClientRequest From(DeltaDiscoveryRequest request) =>
        new()
        {
            IsDelta = true,
            TypeUrl = request.TypeUrl,
            Nonce = request.ResponseNonce,
            Node = request.Node,
            Error = request.ErrorDetail?.Message,
            Names = request.ResourceNamesSubscribe,
            NamesToUnsubscribe = request.ResourceNamesUnsubscribe,
            InitialVersions = request.InitialResourceVersions.Count == 0 ? null : request.InitialResourceVersions.AsReadOnly(),
        };
}
