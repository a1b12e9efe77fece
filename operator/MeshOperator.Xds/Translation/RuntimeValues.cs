using Envoy.Service.Runtime.V3;
using Google.Protobuf.WellKnownTypes;
using MeshOperator.Api;
using MeshOperator.Xds.Translation.Inbound;

namespace MeshOperator.Xds.Translation;

/// <summary>Makes the runtime layer of a proxy: what Envoy has no field for. It is sent and not in the bootstrap, so that proxies which
/// were injected earlier have it too. An Envoy that does not know a value ignores it.</summary>
internal static class RuntimeValues
{
    /// <summary>By itself Envoy closes a connection of which 500 calls were given up early, with all other calls on it. How many may be is
    /// bounded by <see cref="Shared.Http2Settings"/>.</summary>
    private const double AnyNumber = 1_000_000_000;

    private static readonly (string Key, Value Value)[] Common =
    [
        ("overload.premature_reset_total_stream_count", Value.ForNumber(AnyNumber)),
        // Endpoints of all zones are alike. Of policies for which Envoy has no field for it, those by load reports are one.
        ("upstream.zone_routing.enabled", Value.ForNumber(0)),
        // Else a gRPC call that took too long has the status UNAVAILABLE, on which clients repeat it. Since 1.38.
        ("envoy.reloadable_features.grpc_timeout_returns_deadline_exceeded", Value.ForBool(true)),
    ];

    /// <summary>The layer of a proxy with these targets.</summary>
    public static Runtime Create(IEnumerable<InboundTarget> targets)
    {
        var layer = new Struct();
        foreach (var (key, value) in Common.Concat(RevokedFilter.Flags(targets)))
            layer.Fields.Add(key, value.Clone());
        return new Runtime { Name = MeshNames.RuntimeLayer, Layer = layer };
    }
}
