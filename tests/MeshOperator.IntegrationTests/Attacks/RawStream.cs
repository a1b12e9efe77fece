using Envoy.Config.Core.V3;
using Envoy.Service.Discovery.V3;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using MeshOperator.Xds.Resources;
using Shouldly;
using Xunit;

namespace MeshOperator.IntegrationTests.Attacks;

/// <summary>A delta stream whose client sends whatever bytes it likes.</summary>
internal sealed class RawStream : IDisposable
{
    private static readonly Marshaller<byte[]> Bytes = Marshallers.Create(bytes => bytes, bytes => bytes);

    private static readonly Method<byte[], byte[]> Method = new(
        MethodType.DuplexStreaming,
        "envoy.service.discovery.v3.AggregatedDiscoveryService",
        "DeltaAggregatedResources",
        Bytes,
        Bytes
    );

    private readonly AsyncDuplexStreamingCall<byte[], byte[]> _call;

    public RawStream(GrpcChannel channel, string? token)
    {
        var headers = new Grpc.Core.Metadata();
        if (token is not null)
            headers.Add("authorization", $"Bearer {token}");
        _call = channel
            .CreateCallInvoker()
            .AsyncDuplexStreamingCall(Method, null, new CallOptions(headers, cancellationToken: TestContext.Current.CancellationToken));
    }

    /// <summary>A request as it should be.</summary>
    public static byte[] Request(string nodeId, ResourceType type, params IEnumerable<string> names) =>
        new DeltaDiscoveryRequest
        {
            Node = new Node { Id = nodeId },
            TypeUrl = type.Url(),
            ResourceNamesSubscribe = { names },
        }.ToByteArray();

    public Task SendAsync(byte[] message) => _call.RequestStream.WriteAsync(message);

    public async Task<DeltaDiscoveryResponse> NextAsync()
    {
        (await _call.ResponseStream.MoveNext(TestContext.Current.CancellationToken)).ShouldBeTrue();
        return DeltaDiscoveryResponse.Parser.ParseFrom(_call.ResponseStream.Current);
    }

    /// <summary>Sends, and returns the status with which the server ends the stream. It may end it while the message is on its
    /// way.</summary>
    public async Task<Status> EndAsync(byte[] message)
    {
        try
        {
            await SendAsync(message);
        }
        catch (Exception e) when (e is RpcException or InvalidOperationException or IOException)
        {
            // The answer says why.
        }

        return (
            await Should.ThrowAsync<RpcException>(async () =>
            {
                while (true)
                    await NextAsync();
            })
        ).Status;
    }

    public void Dispose() => _call.Dispose();
}
