using Envoy.Config.Core.V3;

namespace MeshOperator.Xds.Translation.Shared;

/// <summary>The limits of HTTP/2, each of them, so that the mesh does the same with every Envoy that it takes. Envoy's own were made for
/// the edge of a network, where the other end is a stranger: they end a connection, with the streams of all who use it, for what one of
/// them does. Here one stream pays for itself: it is slowed down or reset. What bounds memory is the window of a stream, and beyond that
/// the overload manager.</summary>
internal static class Http2Settings
{
    /// <summary>As many as the other end takes.</summary>
    private const uint Unbounded = int.MaxValue;

    /// <summary>Envoy's own: what both ends remember of headers, in bytes.</summary>
    private const uint HeaderTable = 4096;

    /// <summary>A proxy holds at most twice this of a stream that nobody reads, in bytes. With a round trip of 1 ms one stream still
    /// carries 780 MB/s.</summary>
    private const uint StreamWindow = 768 * 1024;

    /// <summary>Streams beyond that take another connection, which another thread of the server's proxy may serve.</summary>
    private const uint StreamsPerConnection = 100;

    /// <summary>Messages of one byte are a frame each, and a stream's window has room for a million of them.</summary>
    private const uint OutboundFrames = 10_000_000;

    /// <summary>Answers to what the other end asks: pings, settings, and the ends of streams that it did not want.</summary>
    private const uint OutboundControlFrames = 100_000;

    /// <summary>Empty messages in a row are allowed, and some clients send them to flush.</summary>
    private const uint EmptyFrames = 1000;

    /// <summary>Envoy's own. Only browsers send them.</summary>
    private const uint PriorityFrames = 100;

    /// <summary>A client that reads a large frame in small pieces says so for each of them.</summary>
    private const uint WindowUpdates = 1000;

    /// <summary>How many calls a client may give up at once and then each second, where it is not a proxy of the mesh. A proxy of the mesh
    /// passes on what all of its application's clients give up.</summary>
    private const ulong ResetBurst = 10_000;
    private const ulong ResetRate = 2000;
    private const ulong AnyReset = 1_000_000_000;

    /// <summary>Of connections from an application, or from a client outside of the mesh.</summary>
    public static Http2ProtocolOptions FromClient() => Server(ResetBurst, ResetRate);

    /// <summary>Of connections from another proxy of the mesh, whose identity is known.</summary>
    public static Http2ProtocolOptions FromProxy() => Server(AnyReset, AnyReset);

    /// <summary>Of connections to servers.</summary>
    /// <param name="streams">How many a connection carries at once; null for as many as are usual.</param>
    public static Http2ProtocolOptions ToServer(uint? streams = null) => Create(streams ?? StreamsPerConnection, AnyReset, AnyReset);

    private static Http2ProtocolOptions Server(ulong burst, ulong rate) => Create(Unbounded, burst, rate);

    private static Http2ProtocolOptions Create(uint streams, ulong resetBurst, ulong resetRate) =>
        new()
        {
            HpackTableSize = HeaderTable,
            MaxConcurrentStreams = streams,
            InitialStreamWindowSize = StreamWindow,

            // Streams that nobody reads must not use up what all share.
            InitialConnectionWindowSize = Unbounded,
            MaxOutboundFrames = OutboundFrames,
            MaxOutboundControlFrames = OutboundControlFrames,
            MaxConsecutiveInboundFramesWithEmptyPayload = EmptyFrames,
            MaxInboundPriorityFramesPerStream = PriorityFrames,
            MaxInboundWindowUpdateFramesPerDataFrameSent = WindowUpdates,
            OverrideStreamErrorOnInvalidHttpMessage = true,
            StreamResetBurst = resetBurst,
            StreamResetRate = resetRate,
        };
}
