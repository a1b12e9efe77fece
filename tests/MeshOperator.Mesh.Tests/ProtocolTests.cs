using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Translation.Ports;
using Shouldly;
using Xunit;

namespace MeshOperator.Mesh.Tests;

public sealed class ProtocolTests
{
    [Theory]
    [InlineData("http", PortProtocol.Http)]
    [InlineData("HTTP", PortProtocol.Http)]
    [InlineData("http2", PortProtocol.Http2)]
    [InlineData("h2c", PortProtocol.Http2)]
    [InlineData("grpc", PortProtocol.Grpc)]
    [InlineData("grpc-web", PortProtocol.Http)]
    [InlineData("kubernetes.io/h2c", PortProtocol.Http2)]
    [InlineData("kubernetes.io/ws", PortProtocol.Http)]
    [InlineData("kubernetes.io/wss", PortProtocol.Tcp)]
    [InlineData("https", PortProtocol.Tcp)]
    [InlineData("tls", PortProtocol.Tcp)]
    [InlineData("mongo", PortProtocol.Tcp)]
    [InlineData("mongodb", PortProtocol.Tcp)]
    [InlineData("linkerd.io/opaque", PortProtocol.Tcp)]
    [InlineData("linkerd.io/tcp", PortProtocol.Tcp)]
    public void A_port_has_the_protocol_that_it_declares_in_the_words_of_Kubernetes_Istio_and_Linkerd(
        string appProtocol,
        PortProtocol expected
    )
    {
        ProtocolDetection.IsKnown(appProtocol).ShouldBeTrue();
        Protocol("web", appProtocol).ShouldBe(expected);
    }

    [Theory]
    [InlineData("example.com/custom")]
    [InlineData("htttp")]
    public void A_protocol_that_is_not_known_is_bytes(string appProtocol)
    {
        ProtocolDetection.IsKnown(appProtocol).ShouldBeFalse();
        Protocol("http", appProtocol).ShouldBe(PortProtocol.Tcp);
    }

    [Theory]
    [InlineData("http", PortProtocol.Http)]
    [InlineData("http-api", PortProtocol.Http)]
    [InlineData("http2-api", PortProtocol.Http2)]
    [InlineData("grpc-api", PortProtocol.Grpc)]
    [InlineData("grpc-web", PortProtocol.Http)]
    [InlineData("grpc-web-api", PortProtocol.Http)]
    [InlineData("grpc-webhook", PortProtocol.Grpc)]
    [InlineData("tls-api", PortProtocol.Tcp)]
    [InlineData("mongo-main", PortProtocol.Tcp)]
    [InlineData("redis", PortProtocol.Tcp)]
    [InlineData("domain-api", PortProtocol.Detect)]
    [InlineData("https2", PortProtocol.Detect)]
    public void A_port_without_a_declaration_has_the_protocol_that_its_name_begins_with(string name, PortProtocol expected) =>
        Protocol(name, appProtocol: null).ShouldBe(expected);

    private static PortProtocol Protocol(string name, string? appProtocol) =>
        new Cluster().Service("web", name, 8080, appProtocol).Translate().Port("web").Protocol;
}
