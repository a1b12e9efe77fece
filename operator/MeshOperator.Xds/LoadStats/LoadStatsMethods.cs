using Envoy.Service.LoadStats.V3;
using Google.Protobuf;
using Grpc.AspNetCore.Server.Model;
using Grpc.Core;

namespace MeshOperator.Xds.LoadStats;

/// <summary>Binds <see cref="LoadStatsService"/>.</summary>
internal sealed class LoadStatsMethods : IServiceMethodProvider<LoadStatsService>
{
    public static Method<LoadStatsRequest, LoadStatsResponse> Stream { get; } =
        new(
            MethodType.DuplexStreaming,
            "envoy.service.load_stats.v3.LoadReportingService",
            "StreamLoadStats",
            Marshaller(LoadStatsRequest.Parser),
            Marshaller(LoadStatsResponse.Parser)
        );

    public void OnServiceMethodDiscovery(ServiceMethodProviderContext<LoadStatsService> context) =>
        context.AddDuplexStreamingMethod(
            Stream,
            [],
            static (service, requests, responses, call) => service.StreamLoadStats(requests, responses, call)
        );

    private static Marshaller<T> Marshaller<T>(MessageParser<T> parser)
        where T : class, IMessage<T>, IBufferMessage =>
        new(
            static (message, context) =>
            {
                context.SetPayloadLength(message.CalculateSize());
                message.WriteTo(context.GetBufferWriter());
                context.Complete();
            },
            context => parser.ParseFrom(context.PayloadAsReadOnlySequence())
        );
}
