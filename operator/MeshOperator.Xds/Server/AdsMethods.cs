using Envoy.Service.Discovery.V3;
using Google.Protobuf;
using Grpc.AspNetCore.Server.Model;
using Grpc.Core;

namespace MeshOperator.Xds.Server;

/// <summary>Binds <see cref="AdsService"/> by hand, as the responses are no generated messages.</summary>
internal sealed class AdsMethods : IServiceMethodProvider<AdsService>
{
    private const string ServiceName = "envoy.service.discovery.v3.AggregatedDiscoveryService";

    /// <summary>Never called: streams write responses themselves; see <see cref="AdsResponse.WriteAsync"/>.</summary>
    private static readonly Marshaller<AdsResponse> Responses = new(
        static (AdsResponse _) => throw new NotSupportedException("Responses are written by their stream."),
        static _ => throw new NotSupportedException("The server reads no responses.")
    );

    public static Method<DiscoveryRequest, AdsResponse> StateOfTheWorld { get; } =
        Method("StreamAggregatedResources", DiscoveryRequest.Parser);

    public static Method<DeltaDiscoveryRequest, AdsResponse> Delta { get; } =
        Method("DeltaAggregatedResources", DeltaDiscoveryRequest.Parser);

    public void OnServiceMethodDiscovery(ServiceMethodProviderContext<AdsService> context)
    {
        context.AddDuplexStreamingMethod(
            StateOfTheWorld,
            [],
            static (service, requests, _, call) => service.StreamAggregatedResources(requests, call)
        );
        context.AddDuplexStreamingMethod(
            Delta,
            [],
            static (service, requests, _, call) => service.DeltaAggregatedResources(requests, call)
        );
    }

    private static Method<TRequest, AdsResponse> Method<TRequest>(string name, MessageParser<TRequest> parser)
        where TRequest : class, IMessage<TRequest>, IBufferMessage
    {
        var requests = new Marshaller<TRequest>(
            static (request, context) => context.Complete(request.ToByteArray()),
            context => parser.ParseFrom(context.PayloadAsReadOnlySequence())
        );
        return new Method<TRequest, AdsResponse>(MethodType.DuplexStreaming, ServiceName, name, requests, Responses);
    }
}
