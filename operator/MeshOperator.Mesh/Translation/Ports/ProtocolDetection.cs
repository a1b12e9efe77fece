using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Mesh.Translation.Ports;

/// <summary>Finds a port's protocol: what is declared, then the port name's prefix, then the number, else it is looked at.</summary>
internal static class ProtocolDetection
{
    /// <summary>Ports whose servers often speak first, so that waiting for the client's bytes would hang them.</summary>
    private static readonly HashSet<int> KnownTcp =
    [
        22,
        25,
        53,
        110,
        143,
        465,
        587,
        1433,
        1521,
        2181,
        3306,
        4222,
        5432,
        5672,
        6379,
        9042,
        9092,
        11211,
        27017,
    ];

    public static PortProtocol Detect(ServicePortRecord port)
    {
        if (port.AppProtocol is { Length: > 0 } declared)
            return Declared(declared);
        var name = port.Name;
        var dash = name.IndexOf('-', StringComparison.Ordinal);
        return Named(dash < 0 ? name : name[..dash]) ?? (KnownTcp.Contains(port.Port) ? PortProtocol.Tcp : PortProtocol.Detect);
    }

    /// <summary>Whether there are ports and all of them are opaque bytes.</summary>
    public static bool AreTcp(IEnumerable<ServicePortRecord> ports)
    {
        var any = false;
        foreach (var port in ports)
        {
            if (Detect(port) != PortProtocol.Tcp)
                return false;
            any = true;
        }

        return any;
    }

    /// <summary>A declared protocol that is not known is not HTTP, or its author would have said so.</summary>
    private static PortProtocol Declared(string protocol) =>
        protocol switch
        {
            "kubernetes.io/h2c" => PortProtocol.Http2,
            "kubernetes.io/ws" => PortProtocol.Http,
            "kubernetes.io/wss" => PortProtocol.Tcp,
            _ => Named(protocol) ?? PortProtocol.Tcp,
        };

    private static PortProtocol? Named(string name) =>
        name.ToUpperInvariant() switch
        {
            "HTTP" or "WS" => PortProtocol.Http,
            "HTTP2" or "H2C" => PortProtocol.Http2,
            "GRPC" => PortProtocol.Grpc,
            "TCP" or "TLS" or "HTTPS" or "WSS" or "MONGO" or "MYSQL" or "POSTGRES" or "POSTGRESQL" or "REDIS" or "AMQP" or "KAFKA" =>
                PortProtocol.Tcp,
            _ => null,
        };
}
