using Envoy.Config.Cluster.V3;
using Envoy.Config.Core.V3;

namespace MeshOperator.Xds.Translation;

/// <summary>How a proxy finds out that the other end of a connection has gone without a word. An application that asks by itself reaches
/// only its own proxy, and proxies close nothing for being idle. A lost end is known after two minutes.</summary>
internal static class Keepalive
{
    private const int IdleSeconds = 60;
    private const int IntervalSeconds = 15;
    private const int Probes = 4;

    // Linux' numbers, the same on all architectures that Envoy is built for.
    private const int SolSocket = 1;
    private const int SoKeepalive = 9;
    private const int IpProtoTcp = 6;
    private const int TcpKeepIdle = 4;
    private const int TcpKeepInterval = 5;
    private const int TcpKeepCount = 6;

    /// <summary>Of connections to upstream hosts.</summary>
    public static UpstreamConnectionOptions Upstream { get; } = new()
    {
        TcpKeepalive = new TcpKeepalive { KeepaliveTime = IdleSeconds, KeepaliveInterval = IntervalSeconds, KeepaliveProbes = Probes },
    };

    /// <summary>Of connections that a listener accepts, which have the options of its socket.</summary>
    public static IReadOnlyList<SocketOption> Accepted { get; } =
    [
        Option("keepalive", SolSocket, SoKeepalive, 1),
        Option("keepalive time", IpProtoTcp, TcpKeepIdle, IdleSeconds),
        Option("keepalive interval", IpProtoTcp, TcpKeepInterval, IntervalSeconds),
        Option("keepalive probes", IpProtoTcp, TcpKeepCount, Probes),
    ];

    private static SocketOption Option(string description, int level, int name, int value) =>
        new() { Description = description, Level = level, Name = name, IntValue = value };
}
