using System.IO.Pipelines;
using System.Threading.Channels;
using Grpc.Core;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Cache;
using MeshOperator.Xds.Registry;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Secrets;
using MeshOperator.Xds.Translation;
using Microsoft.Extensions.Logging;

namespace MeshOperator.Xds.Server;

/// <summary>One ADS stream. A single loop owns all of its state: it takes the requests that have come, looks at the configuration of
/// the moment, and writes what the client lacks. While a slow client reads, nothing is queued for it; it then goes straight to the
/// newest state.</summary>
internal sealed class AdsStream
{
    /// <summary>The longest names of a pod and a namespace, and the dot between them, fit in.</summary>
    private const int MaxNodeIdLength = 320;

    /// <summary>What gRPC libraries begin their name with in every language.</summary>
    private const string ProxylessAgent = "gRPC";

    private readonly AdsStreamContext _context;
    private readonly ServerCallContext _call;
    private readonly ChannelReader<ClientRequest> _requests;
    private readonly PipeWriter _output;
    private readonly WakeSignal _signal;
    private readonly StreamSubscriptions _subscriptions;
    private readonly StreamSecrets _secrets;
    private readonly bool _isDelta;
    private string _nodeId = "";
    private bool _isProxyless;
    private NodeEntry? _node;

    public AdsStream(
        AdsStreamContext context,
        ServerCallContext call,
        bool isDelta,
        ChannelReader<ClientRequest> requests,
        WakeSignal signal)
    {
        _context = context;
        _call = call;
        _isDelta = isDelta;
        _requests = requests;
        _output = call.GetHttpContext().Response.BodyWriter;
        _signal = signal;
        _subscriptions = new StreamSubscriptions(isDelta, context.NextStreamId(), context.Options.MaxResponseBytes, context.Time);
        _secrets = new StreamSecrets(context, signal);
    }

    /// <summary>Ends when the client does, or with an <see cref="RpcException"/>.</summary>
    public async Task RunAsync(CancellationToken cancellationToken)
    {
        if (await FirstRequestAsync(cancellationToken) is not { } first) return;
        var node = first.Node ?? throw Refuse(StatusCode.InvalidArgument, "The first request must have a node.");
        if (node.Id.Length > MaxNodeIdLength) throw Refuse(StatusCode.InvalidArgument, $"The node id has more than {MaxNodeIdLength} characters.");
        _nodeId = node.Id;
        _isProxyless = node.UserAgentName.StartsWith(ProxylessAgent, StringComparison.Ordinal);
        var isGuest = await AuthenticateAsync(cancellationToken);

        using var subscription = _context.Cache.Subscribe(_signal);
        _node = await FindNodeAsync(isGuest || _isProxyless, cancellationToken);
        var agent = node.UserAgentName.Length == 0 ? "unknown" : $"{node.UserAgentName} {node.UserAgentVersion}".TrimEnd();
        var connection = new ProxyConnection(_nodeId, _node?.Workload, _isDelta, agent, _context.Time.GetUtcNow()) { IsProxyless = _isProxyless };
        _context.Registry.Add(connection);
        _context.Log.ProxyConnected(_nodeId, _call.Peer, _isDelta ? "delta" : "state-of-the-world", agent);
        var reason = "the client ended it";
        try
        {
            await ServeAsync(first, connection, cancellationToken);
        }
        catch (Exception exception)
        {
            reason = exception is RpcException rpc ? rpc.Status.Detail : exception.Message;
            throw;
        }
        finally
        {
            _context.Registry.Remove(connection);
            _context.Log.ProxyDisconnected(_nodeId, reason);
        }
    }

    private async Task ServeAsync(ClientRequest first, ProxyConnection connection, CancellationToken cancellationToken)
    {
        var request = first;
        using var turn = await _context.FirstConfigurations.EnterAsync(cancellationToken);
        while (true)
        {
            var view = View();
            do Handle(request, view);
            while (_requests.TryRead(out request!));

            do
            {
                await SendAsync(connection, cancellationToken);
                if (_subscriptions.AreComplete) turn.Dispose();
                if (_requests.Completion.IsCompleted)
                {
                    await _requests.Completion;
                    return;
                }

                await _signal.WaitAsync(cancellationToken);
            }
            while (!_requests.TryRead(out request!));
        }
    }

    private void Handle(ClientRequest request, ProxyView view)
    {
        if (!ResourceTypes.TryParse(request.TypeUrl, out var type))
        {
            _context.Log.UnknownType(_nodeId, request.TypeUrl);
            return;
        }

        if (_subscriptions.Handle(type, request, view) is var (elapsed, error))
        {
            _context.Metrics.Answered(type, elapsed, error is not null);
            if (error is not null) _context.Log.ResponseRejected(_nodeId, type.ShortName(), request.Nonce, error);
        }

        if (_subscriptions.NameCount(type) > _context.Options.MaxSubscribedNames)
        {
            throw Refuse(
                StatusCode.ResourceExhausted,
                $"More than {_context.Options.MaxSubscribedNames} names of type {type.ShortName()} were subscribed to.");
        }
    }

    private async ValueTask SendAsync(ProxyConnection connection, CancellationToken cancellationToken)
    {
        if (!_isProxyless && _subscriptions.IsRequested(ResourceType.Secret)) _secrets.Refresh(_nodeId, _node?.Identity, cancellationToken);
        var responses = _subscriptions.Advance(View(), _isProxyless || _secrets.AreReady);
        Publish(connection);
        for (var i = 0; i < responses.Count; i++)
        {
            var response = responses[i];
            await WriteAsync(response, flush: i == responses.Count - 1, cancellationToken);
            _context.Metrics.Pushed(response.Type, response.Resources.Count);
            _context.Log.ResponseSent(
                _nodeId, response.Resources.Count, response.Type.ShortName(), response.RemovedNames.Count, response.Version, response.Nonce);
        }
    }

    private async ValueTask WriteAsync(AdsResponse response, bool flush, CancellationToken cancellationToken)
    {
        var write = response.WriteAsync(_output, flush, cancellationToken);
        if (write.IsCompletedSuccessfully) return;
        try
        {
            await write.WaitAsync(_context.Options.WriteTimeout, _context.Time, cancellationToken);
        }
        catch (TimeoutException)
        {
            _call.GetHttpContext().Abort();
            throw Refuse(StatusCode.DeadlineExceeded, $"The client did not read a response within {_context.Options.WriteTimeout}.");
        }
    }

    private void Publish(ProxyConnection connection)
    {
        var changed = _subscriptions.ChangedTypes;
        if (changed == 0) return;
        _subscriptions.ChangedTypes = 0;
        for (var type = 0; type < ResourceTypes.Count; type++)
        {
            if ((changed & (1 << type)) != 0) connection[(ResourceType)type] = _subscriptions.Status((ResourceType)type);
        }

        _context.Registry.NotifyChanged();
    }

    /// <summary>The view of the moment. A workload that has left the model keeps what it had: its pod is going, and still has
    /// connections to serve.</summary>
    private ProxyView View()
    {
        var configuration = _context.Cache.Current!;
        if (_isProxyless) return ProxyView.OfProxyless(configuration.Proxyless.Value);
        if (_node is not null && configuration.Nodes.TryGetValue(_node.Workload, out var current)) _node = current;
        return ProxyView.OfEnvoy(configuration.SharedOf(_node), _node?.Own ?? ProxyResources.OfUnknownWorkload, _secrets.Current);
    }

    private async Task<ClientRequest?> FirstRequestAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _requests.ReadAsync(cancellationToken).AsTask()
                .WaitAsync(_context.Options.FirstRequestTimeout, _context.Time, cancellationToken);
        }
        catch (ChannelClosedException closed)
        {
            // The client has ended the stream without a request, or its request could not be read.
            if (closed.InnerException is RpcException unreadable) throw unreadable;
            return null;
        }
        catch (TimeoutException)
        {
            throw Refuse(StatusCode.DeadlineExceeded, $"No request came within {_context.Options.FirstRequestTimeout}.");
        }
    }

    /// <summary>Whether the client is served without being a known workload; throws when it is not served at all.</summary>
    private async Task<bool> AuthenticateAsync(CancellationToken cancellationToken)
    {
        using var timeout = new CancellationTokenSource(_context.Options.AuthenticationTimeout, _context.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        NodeAuthentication authentication;
        try
        {
            authentication = await _context.Authenticator.AuthenticateAsync(_call, _nodeId, either.Token);
        }
        catch (OperationCanceledException) when (timeout.IsCancellationRequested)
        {
            throw Refuse(StatusCode.Unavailable, $"Who {_nodeId} is could not be checked within {_context.Options.AuthenticationTimeout}.");
        }

        if (authentication.Status is not StatusCode.OK) throw Refuse(authentication.Status, authentication.Reason);
        return authentication.IsGuest;
    }

    /// <summary>The node's workload; null when it is none and may be served all the same.</summary>
    private async Task<NodeEntry?> FindNodeAsync(bool isGuest, CancellationToken cancellationToken)
    {
        var isName = WorkloadName.TryParseNodeId(_nodeId, out var name);
        using var timeout = new CancellationTokenSource(_context.Options.UnknownNodeWait, _context.Time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(timeout.Token, cancellationToken);
        while (true)
        {
            var configuration = _context.Cache.Current;
            if (configuration is not null && isName && configuration.Nodes.TryGetValue(name, out var node)) return node;
            if (configuration is not null && isGuest) return null;
            if (configuration is not null && !isName) throw Refuse(StatusCode.InvalidArgument, $"'{_nodeId}' is no node id of the form pod.namespace.");
            try
            {
                await _signal.WaitAsync(either.Token);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                throw configuration is null
                    ? Refuse(StatusCode.Unavailable, "The operator has no configuration yet.")
                    : Refuse(StatusCode.NotFound, $"No pod with a proxy is known as '{_nodeId}'.");
            }

            // Requests set the signal too; they stay queued.
        }
    }

    private RpcException Refuse(StatusCode code, string reason)
    {
        _context.Log.ClientRefused(_call.Peer, _nodeId, reason);
        return new RpcException(new Status(code, reason));
    }
}
