using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Translation.Outbound;
using MeshOperator.Xds.Translation.Shared;

namespace MeshOperator.Xds.Translation.Inbound;

/// <summary>Where an arriving connection wants to go: a listed port of the pod, or any of the others. Decides which filter chains there
/// are, which depends on the mode of mutual TLS and the protocol and on nothing else: a change of rules or limits must leave chains as
/// they are, byte for byte, as Envoy ends the connections of a chain that changed.</summary>
internal sealed class InboundTarget
{
    private InboundTarget(string name, InboundPort port, uint? number)
    {
        Name = name;
        Port = port;
        Number = number;
        Chains = [.. BuildChains(port)];
    }

    /// <summary>The name of its cluster and routes, and the beginning of the names of its chains and filters.</summary>
    public string Name { get; }

    /// <summary>What is known of the port.</summary>
    public InboundPort Port { get; }

    /// <summary>The port; null for those that are not listed.</summary>
    public uint? Number { get; }

    /// <summary>The runtime flag by which connections of bytes end that were opened under a revision, at the next byte of their
    /// client.</summary>
    public string RevokedFlag(int revision) => $"meshoperator.revoked.{Name.Replace('/', '.')}.{revision}";

    /// <summary>Its filter chains.</summary>
    public IReadOnlyList<InboundChain> Chains { get; }

    /// <summary>Whether some connections are understood as HTTP.</summary>
    public bool HasHttp => Chains.Any(chain => chain.IsHttp);

    /// <summary>Whether some connections are passed on as bytes.</summary>
    public bool HasBytes => Chains.Any(chain => !chain.IsHttp);

    /// <summary>Whether mutual TLS is taken with only bytes inside.</summary>
    public bool HasMutualTlsBytes => Chains.Any(chain => chain is { IsHttp: false, IsMutualTls: true });

    /// <summary>Whether bytes are taken from callers that show no identity.</summary>
    public bool HasAnonymousBytes => Chains.Any(chain => chain is { IsHttp: false, IsMutualTls: false });

    /// <summary>The targets of a profile: the listed ports, and the others last.</summary>
    public static IReadOnlyList<InboundTarget> ForProfile(InboundProfile profile) =>
        [
            .. profile
                .Ports.Where(port => port.Port != Api.ProxyPort.Inbound)
                .Select(port => new InboundTarget(Names.Inbound(port.Port), port, (uint)port.Port)),
            new InboundTarget(
                Names.InboundPassthrough,
                new InboundPort(0, PortProtocol.Tcp, profile.DefaultMode, profile.DefaultAccess) { Revision = profile.DefaultRevision },
                null
            ),
        ];

    /// <summary>What clients say decides where nothing is declared: inside of mutual TLS they name HTTP before bytes, and the first name
    /// that is known wins. Where mutual TLS is disabled nothing is looked at, as the server may speak first.</summary>
    private static IEnumerable<InboundChain> BuildChains(InboundPort port)
    {
        var isHttp = port.Protocol is PortProtocol.Http or PortProtocol.Http2 or PortProtocol.Grpc;
        var detects = port.Protocol is PortProtocol.Detect;
        if (port.Mode is MtlsMode.Disabled)
        {
            yield return new InboundChain("any", isHttp, IsMutualTls: false);
            yield break;
        }

        if (detects)
            yield return new InboundChain("mtls-http", IsHttp: true, IsMutualTls: true, "tls", [Names.MeshHttpAlpn]);
        yield return new InboundChain("mtls", isHttp, IsMutualTls: true, "tls", [Names.MeshAlpn]);
        if (port.Mode is MtlsMode.Strict)
            yield break;
        if (detects)
            yield return new InboundChain(
                "plaintext-http",
                IsHttp: true,
                IsMutualTls: false,
                "raw_buffer",
                OutboundListenerBuilder.PlainHttpProtocols
            );
        yield return new InboundChain("plaintext", isHttp, IsMutualTls: false, "raw_buffer");

        // The application's own TLS.
        yield return new InboundChain("tls", IsHttp: false, IsMutualTls: false, "tls");
    }
}

/// <summary>One filter chain of a target.</summary>
/// <param name="Suffix">The end of its name.</param>
/// <param name="IsHttp">Whether its connections are understood as HTTP, or else passed on as bytes.</param>
/// <param name="IsMutualTls">Whether the proxy ends mutual TLS.</param>
/// <param name="Transport">The transport protocol that it is for; empty for any.</param>
/// <param name="Applications">The application protocols that it is for; empty for any.</param>
internal sealed record InboundChain(
    string Suffix,
    bool IsHttp,
    bool IsMutualTls,
    string Transport = "",
    IReadOnlyList<string>? Applications = null
);
