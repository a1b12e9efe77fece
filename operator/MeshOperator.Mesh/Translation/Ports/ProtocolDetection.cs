using System.Collections.Frozen;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Mesh.Translation.Ports;

/// <summary>Finds a port's protocol: what is declared, then the port name's prefix, then the number, else it is looked at. The words are
/// those of Kubernetes (appProtocol: its own prefixed names, and names that IANA registered), the Gateway API (GEP-1911), Istio and
/// Linkerd, regardless of case.</summary>
public static class ProtocolDetection
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

    private const string GrpcWeb = "grpc-web";

    /// <summary>The protocols whose bytes are passed on as they are, which a port's name can begin with: TLS of the application's own, and
    /// what is not HTTP.</summary>
    private static readonly FrozenSet<string> Bytes = new[]
    {
        "tcp",
        "tls",
        "https",
        "wss",
        "mongo",
        "mysql",
        "postgres",
        "postgresql",
        "redis",
        "amqp",
        "kafka",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    /// <summary>Further ones that can be declared. As the beginning of a name they could mean something else.</summary>
    private static readonly FrozenSet<string> DeclaredBytes = new[]
    {
        "kubernetes.io/wss",
        "linkerd.io/tcp",
        "linkerd.io/opaque",
        "ssl",
        "h2",
        "grpcs",
        "mongodb",
        "rediss",
        "amqps",
        "nats",
        "mqtt",
        "ms-sql-s",
        "cassandra",
        "memcache",
        "memcached",
        "zookeeper",
        "dns",
        "domain",
        "ldap",
        "ldaps",
        "smtp",
        "smtps",
        "submission",
        "imap",
        "imaps",
        "pop3",
        "pop3s",
        "ftp",
        "ssh",
        "sftp",
        "nfs",
        "thrift",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    /// <summary>The protocol of a port.</summary>
    public static PortProtocol Detect(ServicePortRecord port)
    {
        ArgumentNullException.ThrowIfNull(port);
        if (port.AppProtocol is { Length: > 0 } declared)
            return FindDeclared(declared) ?? PortProtocol.Tcp;
        return FindNamed(Prefix(port.Name)) ?? (KnownTcp.Contains(port.Port) ? PortProtocol.Tcp : PortProtocol.Detect);
    }

    /// <summary>Whether there are ports and all of them are opaque bytes.</summary>
    public static bool AreTcp(IEnumerable<ServicePortRecord> ports)
    {
        ArgumentNullException.ThrowIfNull(ports);
        var any = false;
        foreach (var port in ports)
        {
            if (Detect(port) != PortProtocol.Tcp)
                return false;
            any = true;
        }

        return any;
    }

    /// <summary>Whether the mesh knows what a port declares. One that it does not know is not HTTP, or its author would have said
    /// so.</summary>
    public static bool IsKnown(string appProtocol)
    {
        ArgumentNullException.ThrowIfNull(appProtocol);
        return FindDeclared(appProtocol) is not null;
    }

    private static PortProtocol? FindDeclared(string protocol) =>
        protocol.ToUpperInvariant() switch
        {
            "KUBERNETES.IO/WS" => PortProtocol.Http,
            "KUBERNETES.IO/H2C" => PortProtocol.Http2,
            _ when DeclaredBytes.Contains(protocol) => PortProtocol.Tcp,
            _ => FindNamed(protocol),
        };

    private static string Prefix(string name)
    {
        if (name.StartsWith(GrpcWeb + "-", StringComparison.OrdinalIgnoreCase) || name.Equals(GrpcWeb, StringComparison.OrdinalIgnoreCase))
            return GrpcWeb;
        var dash = name.IndexOf('-', StringComparison.Ordinal);
        return dash < 0 ? name : name[..dash];
    }

    /// <summary>Requests of grpc-web come as HTTP/1.1 or HTTP/2, and are passed on as they come.</summary>
    private static PortProtocol? FindNamed(string name) =>
        name.ToUpperInvariant() switch
        {
            "HTTP" or "WS" or "GRPC-WEB" => PortProtocol.Http,
            "HTTP2" or "H2C" => PortProtocol.Http2,
            "GRPC" => PortProtocol.Grpc,
            _ => Bytes.Contains(name) ? PortProtocol.Tcp : null,
        };
}
