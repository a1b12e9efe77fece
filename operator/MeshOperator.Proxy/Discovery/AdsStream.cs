using Envoy.Service.Discovery.V3;
using Google.Protobuf;
using Google.Rpc;
using Grpc.Core;
using MeshOperator.Proxy.Bootstrap;
using MeshOperator.Xds.Resources;
using Node = Envoy.Config.Core.V3.Node;

namespace MeshOperator.Proxy.Discovery;

/// <summary>One stream of delta ADS: asks for what is wanted, takes what comes, and acknowledges or rejects it.</summary>
internal sealed class AdsStream(IResourceReceiver receiver, ProxyConfiguration configuration)
{
    private const string UserAgent = "meshoperator-proxy";
    private const int InvalidArgument = 3;

    private static readonly Method<DeltaDiscoveryRequest, DeltaDiscoveryResponse> Delta = new(
        MethodType.DuplexStreaming,
        "envoy.service.discovery.v3.AggregatedDiscoveryService",
        "DeltaAggregatedResources",
        Marshallers.Create<DeltaDiscoveryRequest>(
            static (request, context) => context.Complete(request.ToByteArray()),
            static context => DeltaDiscoveryRequest.Parser.ParseFrom(context.PayloadAsReadOnlySequence())
        ),
        Marshallers.Create<DeltaDiscoveryResponse>(
            static (response, context) => context.Complete(response.ToByteArray()),
            static context => DeltaDiscoveryResponse.Parser.ParseFrom(context.PayloadAsReadOnlySequence())
        )
    );

    /// <summary>Runtime values come first, as a proxy starts with them.</summary>
    private static readonly ResourceType[] Types =
    [
        ResourceType.Runtime,
        ResourceType.Cluster,
        ResourceType.Endpoints,
        ResourceType.Listener,
        ResourceType.Route,
        ResourceType.Secret,
        ResourceType.Extension,
    ];

    private readonly Dictionary<ResourceType, HashSet<string>> _subscribed = [];
    private bool _isIntroduced;

    /// <summary>Runs until the operator or the connection ends it.</summary>
    /// <param name="invoker">The connection.</param>
    /// <param name="headers">With the token.</param>
    /// <param name="connected">Called when the first response has come.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public async Task RunAsync(CallInvoker invoker, Metadata headers, Action connected, CancellationToken cancellationToken)
    {
        using var call = invoker.AsyncDuplexStreamingCall(Delta, null, new CallOptions(headers, cancellationToken: cancellationToken));
        await SubscribeAsync(call.RequestStream);
        while (await call.ResponseStream.MoveNext(cancellationToken))
        {
            connected();
            var response = call.ResponseStream.Current;
            var answer = new DeltaDiscoveryRequest { TypeUrl = response.TypeUrl, ResponseNonce = response.Nonce };
            var error = ResourceTypes.TryParse(response.TypeUrl, out var type)
                ? receiver.Receive(type, response.Resources, response.RemovedResources)
                : $"the built-in proxy does not support {response.TypeUrl}";
            if (error is not null)
                answer.ErrorDetail = new Google.Rpc.Status { Code = InvalidArgument, Message = error };
            await call.RequestStream.WriteAsync(Introduce(answer), cancellationToken);
            await SubscribeAsync(call.RequestStream);
        }
    }

    /// <summary>Asks for what is wanted and was not asked for, and no longer for what is not.</summary>
    private async Task SubscribeAsync(IClientStreamWriter<DeltaDiscoveryRequest> requests)
    {
        foreach (var type in Types)
        {
            var wanted = receiver.Wanted(type);
            var isFirst = !_subscribed.TryGetValue(type, out var subscribed);
            subscribed ??= [];
            var request = new DeltaDiscoveryRequest { TypeUrl = type.Url() };
            if (wanted is null)
            {
                if (!isFirst)
                    continue;
            }
            else
            {
                request.ResourceNamesSubscribe.AddRange(wanted.Except(subscribed).Order(StringComparer.Ordinal));
                request.ResourceNamesUnsubscribe.AddRange(subscribed.Except(wanted).Order(StringComparer.Ordinal));
                if (request.ResourceNamesSubscribe.Count == 0 && request.ResourceNamesUnsubscribe.Count == 0)
                    continue;
            }

            if (isFirst)
            {
                foreach (var (name, version) in receiver.Versions(type))
                    request.InitialResourceVersions.Add(name, version);
            }

            _subscribed[type] = wanted is null ? [] : [.. wanted];
            await requests.WriteAsync(Introduce(request));
        }
    }

    /// <summary>The first message says who the proxy is.</summary>
    private DeltaDiscoveryRequest Introduce(DeltaDiscoveryRequest request)
    {
        if (_isIntroduced)
            return request;
        _isIntroduced = true;
        request.Node = new Node
        {
            Id = configuration.NodeId,
            Cluster = configuration.NodeCluster,
            UserAgentName = UserAgent,
        };
        return request;
    }
}
