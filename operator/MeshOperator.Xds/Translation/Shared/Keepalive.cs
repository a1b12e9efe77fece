using Envoy.Config.Cluster.V3;
using Envoy.Config.Core.V3;

namespace MeshOperator.Xds.Translation.Shared;

/// <summary>How a proxy finds out that the other end of a connection has gone without a word, as a node does that loses its power or its
/// network. An application that asks by itself reaches only its own proxy, and proxies close nothing for being idle. A lost end is known
/// 20 s after its last sign of life, whether something was sent to it since or not.</summary>
internal static class Keepalive
{
    private const int IdleSeconds = 10;
    private const int IntervalSeconds = 3;
    private const int Probes = 3;

    /// <summary>How long what was sent may be without an acknowledgement by the other end's kernel.</summary>
    private const int UnacknowledgedMilliseconds = 15_000;

    // Linux' numbers, the same on all architectures that Envoy is built for.
    private const int SolSocket = 1;
    private const int SoKeepalive = 9;
    private const int IpProtoTcp = 6;
    private const int TcpKeepIdle = 4;
    private const int TcpKeepInterval = 5;
    private const int TcpKeepCount = 6;
    private const int TcpUserTimeout = 18;

    /// <summary>Of connections to upstream hosts.</summary>
    public static UpstreamConnectionOptions Upstream { get; } =
        new()
        {
            TcpKeepalive = new TcpKeepalive
            {
                KeepaliveTime = IdleSeconds,
                KeepaliveInterval = IntervalSeconds,
                KeepaliveProbes = Probes,
            },
        };

    /// <summary>Of connections that a listener accepts, which have the options of its socket.</summary>
    public static IReadOnlyList<SocketOption> Accepted { get; } =
    [
        Option("keepalive", SolSocket, SoKeepalive, 1),
        Option("keepalive time", IpProtoTcp, TcpKeepIdle, IdleSeconds),
        Option("keepalive interval", IpProtoTcp, TcpKeepInterval, IntervalSeconds),
        Option("keepalive probes", IpProtoTcp, TcpKeepCount, Probes),
        Option("user timeout", IpProtoTcp, TcpUserTimeout, UnacknowledgedMilliseconds),
    ];

    /// <summary>Of connections to upstream hosts too, before they are made.</summary>
    public static BindConfig UpstreamBind { get; } =
        new() { SocketOptions = { Option("user timeout", IpProtoTcp, TcpUserTimeout, UnacknowledgedMilliseconds) } };

    /// <summary>Of HTTP/2 between proxies: a proxy that hangs while its kernel answers. Other servers may take it for an attack.</summary>
    public static KeepaliveSettings Http2 { get; } =
        new()
        {
            Interval = EnvoyMessages.Duration(TimeSpan.FromSeconds(IdleSeconds)),
            Timeout = EnvoyMessages.Duration(TimeSpan.FromSeconds(IdleSeconds)),
        };

    private static SocketOption Option(string description, int level, int name, int value) =>
        new()
        {
            Description = description,
            Level = level,
            Name = name,
            IntValue = value,
        };
}
