using Envoy.Config.Core.V3;
using Envoy.Service.Discovery.V3;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;
using MeshOperator.Xds.Resources;
using Shouldly;
using Xunit;

namespace MeshOperator.Testing;

/// <summary>A delta xDS client that does only what a test asks it to.</summary>
internal sealed class DeltaClient : IAsyncDisposable
{
    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(20);

    private static readonly Method<DeltaDiscoveryRequest, DeltaDiscoveryResponse> Method = new(
        MethodType.DuplexStreaming,
        "envoy.service.discovery.v3.AggregatedDiscoveryService",
        "DeltaAggregatedResources",
        Marshallers.Create(request => request.ToByteArray(), DeltaDiscoveryRequest.Parser.ParseFrom),
        Marshallers.Create(response => response.ToByteArray(), DeltaDiscoveryResponse.Parser.ParseFrom)
    );

    private readonly GrpcChannel _channel;
    private readonly AsyncDuplexStreamingCall<DeltaDiscoveryRequest, DeltaDiscoveryResponse> _call;
    private Node? _node;

    /// <summary>Opens a stream on a channel, which it then owns.</summary>
    /// <param name="channel">To the server.</param>
    /// <param name="nodeId">Who it says it is.</param>
    /// <param name="token">A bearer token, or null.</param>
    /// <param name="agent">What it says it is.</param>
    /// <param name="minor">The minor version of Envoy that it says it is; null for none.</param>
    public DeltaClient(GrpcChannel channel, string nodeId, string? token = null, string agent = "", uint? minor = null)
    {
        _channel = channel;
        var headers = token is null ? null : new Grpc.Core.Metadata { { "authorization", $"Bearer {token}" } };
        _call = _channel
            .CreateCallInvoker()
            .AsyncDuplexStreamingCall(Method, null, new CallOptions(headers, cancellationToken: TestContext.Current.CancellationToken));
        _node = new Node { Id = nodeId, UserAgentName = agent };
        if (minor is { } known)
            _node.UserAgentBuildVersion = new BuildVersion
            {
                Version = new() { MajorNumber = 1, MinorNumber = known },
            };
    }

    public Task SubscribeAsync(ResourceType type, params string[] names) =>
        SendAsync(new DeltaDiscoveryRequest { TypeUrl = type.Url(), ResourceNamesSubscribe = { names } });

    public Task UnsubscribeAsync(ResourceType type, params string[] names) =>
        SendAsync(new DeltaDiscoveryRequest { TypeUrl = type.Url(), ResourceNamesUnsubscribe = { names } });

    public Task AcknowledgeAsync(DeltaDiscoveryResponse response) => AnswerAsync(response, null);

    public Task RejectAsync(DeltaDiscoveryResponse response, string reason) => AnswerAsync(response, reason);

    /// <summary>The next response. Fails when none comes in time.</summary>
    public async Task<DeltaDiscoveryResponse> NextAsync()
    {
        using var deadline = new CancellationTokenSource(Deadline, TimeProvider.System);
        if (!await _call.ResponseStream.MoveNext(deadline.Token))
            throw new InvalidOperationException("The server ended the stream.");
        return _call.ResponseStream.Current;
    }

    /// <summary>The next response, however long it takes; null when cancelled, which also ends the stream.</summary>
    public async Task<DeltaDiscoveryResponse?> ReadAsync(CancellationToken cancellation)
    {
        try
        {
            if (!await _call.ResponseStream.MoveNext(cancellation))
                throw new InvalidOperationException("The server ended the stream.");
            return _call.ResponseStream.Current;
        }
        catch (Exception e) when (cancellation.IsCancellationRequested && e is RpcException or OperationCanceledException)
        {
            return null;
        }
    }

    /// <summary>Subscribes, takes the answer and acknowledges it.</summary>
    public async Task<DeltaDiscoveryResponse> FetchAsync(ResourceType type, params string[] names)
    {
        await SubscribeAsync(type, names);
        var response = await NextAsync();
        await AcknowledgeAsync(response);
        return response;
    }

    /// <summary>The status with which the server ends the stream.</summary>
    public async Task<Grpc.Core.Status> EndAsync() =>
        (
            await Should.ThrowAsync<RpcException>(async () =>
            {
                while (true)
                    await NextAsync();
            })
        ).Status;

    /// <summary>Subscribes, and returns the status with which the server ends the stream for it. The server need not have read all of the
    /// request, nor have waited for it.</summary>
    public async Task<Grpc.Core.Status> SubscribeUntilEndAsync(ResourceType type, params string[] names)
    {
        var sending = SubscribeAsync(type, names);
        var status = await EndAsync();
        await sending.ContinueWith(_ => { }, TaskScheduler.Default);
        return status;
    }

    public ValueTask DisposeAsync()
    {
        _call.Dispose();
        _channel.Dispose();
        return ValueTask.CompletedTask;
    }

    private Task SendAsync(DeltaDiscoveryRequest request)
    {
        (request.Node, _node) = (_node, null);
        return _call.RequestStream.WriteAsync(request);
    }

    private Task AnswerAsync(DeltaDiscoveryResponse response, string? reason) =>
        _call.RequestStream.WriteAsync(
            new DeltaDiscoveryRequest
            {
                TypeUrl = response.TypeUrl,
                ResponseNonce = response.Nonce,
                ErrorDetail = reason is null ? null : new Google.Rpc.Status { Code = (int)StatusCode.Internal, Message = reason },
            }
        );
}
