using Envoy.Config.Core.V3;

namespace MeshOperator.Xds.Server;

/// <summary>What can be sent to a proxy by its version. Envoy ignores fields that it does not know, but rejects extensions.</summary>
internal static class EnvoyVersion
{
    /// <summary>The first minor version of Envoy 1 that has all the extensions which are sent: access logs that make statistics, with a
    /// scope of their own.</summary>
    private const uint FirstWithAll = 39;

    /// <summary>Whether a node is sent nothing that needs a recent Envoy. One that does not say what it is counts as older.</summary>
    public static bool IsOlder(Node node) =>
        node.UserAgentBuildVersion?.Version is not { } version || version is { MajorNumber: 1, MinorNumber: < FirstWithAll };
}
