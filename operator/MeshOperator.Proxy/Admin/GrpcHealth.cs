using System.Buffers.Binary;
using System.Net;
using System.Net.Http.Headers;
using System.Text;
using MeshOperator.Proxy.Bootstrap;

namespace MeshOperator.Proxy.Admin;

/// <summary>Asks gRPC's health service (grpc.health.v1.Health), whose messages are small enough to be written by hand.</summary>
internal static class GrpcHealth
{
    private const int Prefix = 5;
    private const int ShortestVarint = 0x80;

    /// <summary>Whether a server says that it serves.</summary>
    public static async Task<bool> IsServingAsync(HttpMessageInvoker invoker, StaticCluster cluster, CancellationToken cancellationToken)
    {
        var url = new Uri($"{(cluster.IsTls ? "https" : "http")}://{cluster.Address}/grpc.health.v1.Health/Check");
        using var request = new HttpRequestMessage(HttpMethod.Post, url)
        {
            Version = HttpVersion.Version20,
            VersionPolicy = HttpVersionPolicy.RequestVersionExact,
            Content = new ByteArrayContent(Question(cluster.GrpcService)),
        };
        request.Headers.TE.Add(new TransferCodingWithQualityHeaderValue("trailers"));
        request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/grpc");
        using var response = await invoker.SendAsync(request, cancellationToken);
        var answer = await response.Content.ReadAsByteArrayAsync(cancellationToken);

        // Field 1 is the status, and 1 is that it serves.
        return answer.AsSpan().EndsWith<byte>([0x08, 0x01]);
    }

    private static byte[] Question(string service)
    {
        var name = Encoding.UTF8.GetBytes(service);
        byte[] message =
            name.Length == 0 ? []
            : name.Length < ShortestVarint ? [0x0A, (byte)name.Length, .. name]
            : [];
        var frame = new byte[Prefix + message.Length];
        BinaryPrimitives.WriteInt32BigEndian(frame.AsSpan(1), message.Length);
        message.CopyTo(frame, Prefix);
        return frame;
    }
}
