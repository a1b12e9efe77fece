using Envoy.Config.Listener.V3;
using Google.Protobuf;
using MeshOperator.Proxy.Tls;

namespace MeshOperator.Proxy.Listeners;

/// <summary>A filter chain, ready for use: what is done with some connections of a listener.</summary>
internal sealed record ChainPlan
{
    private readonly ByteString _content;

    private ChainPlan(ByteString content) => _content = content;

    /// <summary>Its name.</summary>
    public required string Name { get; init; }

    /// <summary>The port that it is for; null for all.</summary>
    public uint? Port { get; private init; }

    /// <summary>The transport that it is for; empty for all.</summary>
    public string Transport { get; private init; } = "";

    /// <summary>The application protocols that it is for; empty for all.</summary>
    public IReadOnlyList<string> Protocols { get; private init; } = [];

    /// <summary>How TLS is ended, or null.</summary>
    public TlsSettings? Tls { get; private init; }

    /// <summary>Answers requests; null when connections are passed on as bytes.</summary>
    public IRequestHandler? Handler { get; private init; }

    /// <summary>Passes bytes on; null when there are requests.</summary>
    public ByteChain? Bytes { get; private init; }

    /// <summary>A chain of requests for all connections.</summary>
    public static ChainPlan Create(string name, IRequestHandler handler) =>
        new(ByteString.CopyFromUtf8(name)) { Name = name, Handler = handler };

    /// <summary>A chain.</summary>
    public static ChainPlan Create(FilterChain chain, TlsSettings? tls, IRequestHandler? handler, ByteChain? bytes) =>
        new(chain.ToByteString())
        {
            Name = chain.Name,
            Port = chain.FilterChainMatch?.DestinationPort,
            Transport = chain.FilterChainMatch?.TransportProtocol ?? "",
            Protocols = [.. chain.FilterChainMatch?.ApplicationProtocols ?? []],
            Tls = tls,
            Handler = handler,
            Bytes = bytes,
        };

    /// <summary>Whether another one is the same.</summary>
    public bool IsSame(ChainPlan other) => _content.Equals(other._content);
}
