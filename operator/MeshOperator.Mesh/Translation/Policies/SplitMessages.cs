using System.Globalization;
using MeshOperator.Mesh.Model;

namespace MeshOperator.Mesh.Translation.Policies;

/// <summary>What the conditions of a TrafficSplit say.</summary>
internal static class SplitMessages
{
    public static string OlderSplit(PolicyKey older, string service) =>
        $"{older} is older and splits the same service '{service}'; delete one of them, or give each its own port";

    public static string RulesOnTcp(string service) =>
        $"spec.rules: the ports of the service '{service}' that the split applies to are TCP and have no requests to match; use "
        + "spec.backends, or declare HTTP with appProtocol if they carry HTTP";

    public static string StickyAcrossProtocols(
        string field,
        (string Service, int Port, PortProtocol Protocol) other,
        (string Service, int Port, PortProtocol Protocol) called
    ) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{field}: sessions are kept only within each backend, because port {other.Port} of the service '{other.Service}' is "
                + $"{Text(other.Protocol)} and port {called.Port} of "
                + $"'{called.Service}' is {Text(called.Protocol)}; declare the same appProtocol on the ports of the service and of "
                + $"all backends"
        );

    public static string BackendNotFound(string field, string service, string ns) =>
        $"{field}: the service '{service}' does not exist in namespace '{ns}'";

    public static string BackendIsExternalName(string field, string service) =>
        $"{field}: the service '{service}' is an ExternalName, which cannot be a backend";

    public static string BackendIsTcp(string field, (string Service, int Port) backend, (string Service, int Port) called) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{field}: port {backend.Port} of the service '{backend.Service}' is TCP, but requests to port {called.Port} of "
                + $"'{called.Service}' are sent there as HTTP; "
                + $"declare the port's protocol with appProtocol if it is HTTP, or choose another port"
        );

    public static string PortNotFound(string field, (string Service, int Port) backend, string ports, string advice) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{field}: the service '{backend.Service}' has no TCP port {backend.Port} ({ports}){advice}"
        );

    private static string Text(PortProtocol protocol) =>
        protocol switch
        {
            PortProtocol.Http => "HTTP",
            PortProtocol.Http2 => "HTTP/2",
            PortProtocol.Grpc => "gRPC",
            PortProtocol.Tcp => "TCP",
            _ => "not declared",
        };
}
