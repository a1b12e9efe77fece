using System.IO.Pipelines;
using System.Threading.Channels;
using Envoy.Config.Core.V3;
using Google.Protobuf;
using Grpc.Core;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Cache;
using MeshOperator.Xds.Registry;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Secrets;
using MeshOperator.Xds.Translation;
using MeshOperator.Xds.Translation.Inbound;
using MeshOperator.Xds.Translation.Proxyless;
using Microsoft.Extensions.Logging;

namespace MeshOperator.Xds.Server;

/// <summary>One ADS stream. A single loop owns all of its state: it takes the requests that have come, looks at the configuration of
/// the moment, and writes what the client lacks. While a slow client reads, nothing is queued for it; it then goes straight to the
/// newest state.</summary>
internal sealed class AdsStream : IDisposable
{
    /// <summary>Of a client's own words in the log.</summary>
    private const int LongestShown = 200;

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
    private bool _isOlder;
    private NodeEntry? _node;
    private LookedAt? _lookedAt;
    private NodeAuthentication _authentication = NodeAuthentication.AcceptedAsGuest;

    public AdsStream(
        AdsStreamContext context,
        ServerCallContext call,
        bool isDelta,
        ChannelReader<ClientRequest> requests,
        WakeSignal signal
    )
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
        if (await FirstRequestAsync(cancellationToken) is not { } first)
            return;
        _nodeId = _context.Gate.ReadId(_call, first.Node);
        var node = first.Node!;
        _isProxyless = node.UserAgentName.StartsWith(ProxylessAgent, StringComparison.Ordinal);
        _isOlder = EnvoyVersion.IsOlder(node);
        _authentication = await _context.Gate.AuthenticateAsync(_call, _nodeId, cancellationToken);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, _authentication.Revoked);
        try
        {
            await RunAsync(first, node, either.Token);
        }
        catch (OperationCanceledException)
            when (_authentication.Revoked.IsCancellationRequested && !cancellationToken.IsCancellationRequested)
        {
            throw Refuse(StatusCode.PermissionDenied, RefusalReason.NoPod, "The pod was deleted.");
        }
    }

    public void Dispose() => _secrets.Dispose();

    private async Task RunAsync(ClientRequest first, Node node, CancellationToken cancellationToken)
    {
        using var subscription = _context.Cache.Subscribe(_signal, IsConcernedBy);
        _node = await FindNodeAsync(_authentication.IsGuest || _isProxyless, cancellationToken);
        var agent = node.UserAgentName.Length == 0 ? "unknown" : $"{node.UserAgentName} {node.UserAgentVersion}".TrimEnd();
        var connection = new ProxyConnection(_nodeId, _node?.Workload, _isDelta, agent, _context.Time.GetUtcNow())
        {
            IsProxyless = _isProxyless,
            Node = _node,
        };
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
                if (_subscriptions.AreComplete)
                    turn.Dispose();
                if (_requests.Completion.IsCompleted)
                {
                    await EndOfRequestsAsync();
                    return;
                }

                await _signal.WaitAsync(cancellationToken);
            } while (!_requests.TryRead(out request!));
        }
    }

    private void Handle(ClientRequest request, ProxyView view)
    {
        if (!ResourceTypes.TryParse(request.TypeUrl, out var type))
        {
            _context.Log.UnknownType(_nodeId, request.TypeUrl.Length > LongestShown ? request.TypeUrl[..LongestShown] : request.TypeUrl);
            return;
        }

        if (_subscriptions.Handle(type, request, view) is var (elapsed, error))
        {
            _context.Metrics.Answered(type, elapsed, error is not null);
            if (error is not null)
                _context.Log.ResponseRejected(_nodeId, type.ShortName(), request.Nonce, error);
        }

        if (_subscriptions.NameCount(type) > _context.Options.MaxSubscribedNames)
        {
            throw Refuse(
                StatusCode.ResourceExhausted,
                RefusalReason.TooMuch,
                $"More than {_context.Options.MaxSubscribedNames} names of type {type.ShortName()} were subscribed to."
            );
        }
    }

    private async ValueTask SendAsync(ProxyConnection connection, CancellationToken cancellationToken)
    {
        if (!_isProxyless && _subscriptions.IsRequested(ResourceType.Secret))
            _secrets.Refresh(_nodeId, Identity(), cancellationToken);
        var responses = _subscriptions.Advance(View(), _isProxyless || _secrets.AreReady);
        Publish(connection);
        if (responses.Count == 0)
            return;
        var output = new GatheringWriter(_output);
        for (var i = 0; i < responses.Count; i++)
        {
            var response = responses[i];
            await WriteAsync(output, response, flush: i == responses.Count - 1, cancellationToken);
            _context.Metrics.Pushed(response.Type, response.Resources.Count);
            _context.Log.ResponseSent(
                _nodeId,
                response.Resources.Count,
                response.Type.ShortName(),
                response.RemovedNames.Count,
                response.Version,
                response.Nonce
            );
        }

        output.Return();
    }

    private async ValueTask WriteAsync(GatheringWriter output, AdsResponse response, bool flush, CancellationToken cancellationToken)
    {
        var write = response.WriteAsync(output, flush, cancellationToken);
        if (write.IsCompletedSuccessfully)
            return;
        try
        {
            await write.AsTask().WaitAsync(_context.Options.WriteTimeout, _context.Time, cancellationToken);
        }
        catch (TimeoutException)
        {
            _call.GetHttpContext().Abort();
            throw Refuse(
                StatusCode.DeadlineExceeded,
                RefusalReason.TooSlow,
                $"The client did not read a response within {_context.Options.WriteTimeout}."
            );
        }
    }

    private void Publish(ProxyConnection connection)
    {
        var changed = _subscriptions.ChangedTypes;
        if (changed == 0)
            return;
        var unsettles = _subscriptions.Unsettles;
        (_subscriptions.ChangedTypes, _subscriptions.Unsettles) = (0, false);
        for (var type = 0; type < ResourceTypes.Count; type++)
        {
            if ((changed & (1 << type)) != 0)
                connection[(ResourceType)type] = _subscriptions.Status((ResourceType)type);
        }

        _context.Registry.NotifyChanged(unsettles);
    }

    private string? Identity() => _node?.Identity is { } identity && _authentication.MayHave(identity) ? identity : null;

    /// <summary>The view of the moment. A workload that has left the model keeps what it had: its pod is going, and still has
    /// connections to serve.</summary>
    private ProxyView View()
    {
        var configuration = LookAtCurrent();
        if (_isProxyless)
            return ProxyView.ForProxyless(configuration.Proxyless.Value);
        var own = _node?.Own ?? ProxyResources.OfUnknownWorkload;
        var members = _node?.Members ?? LimitMembers.None;
        return ProxyView.ForEnvoy(configuration.FindShared(_node), own, _secrets.CurrentFor(own), members, _isOlder);
    }

    /// <summary>What is served now. It is noted before anything is done with it, so that <see cref="IsConcernedBy"/> never compares with an
    /// older one while this stream goes on with a newer one.</summary>
    private EnvoyConfiguration LookAtCurrent()
    {
        while (true)
        {
            var configuration = _context.Cache.Current!;
            if (_node is not null && configuration.Nodes.TryGetValue(_node.Workload, out var current))
                _node = current;
            Volatile.Write(
                ref _lookedAt,
                new LookedAt(_node, configuration.FindShared(_node), _isProxyless ? configuration.Proxyless : null)
            );
            Interlocked.MemoryBarrier();
            if (ReferenceEquals(_context.Cache.Current, configuration))
                return configuration;
        }
    }

    /// <summary>Whether the client is sent something else of a configuration than of what was looked at.</summary>
    private bool IsConcernedBy(EnvoyConfiguration next)
    {
        if (Volatile.Read(ref _lookedAt) is not { } seen)
            return true;
        if (seen.Proxyless is { } proxyless)
            return !ReferenceEquals(proxyless, next.Proxyless);
        return (seen.Node is { } node && next.Nodes.TryGetValue(node.Workload, out var current) && !ReferenceEquals(current, node))
            || !ReferenceEquals(seen.Shared, next.FindShared(seen.Node));
    }

    private async Task<ClientRequest?> FirstRequestAsync(CancellationToken cancellationToken)
    {
        try
        {
            return await _requests
                .ReadAsync(cancellationToken)
                .AsTask()
                .WaitAsync(_context.Options.FirstRequestTimeout, _context.Time, cancellationToken);
        }
        catch (ChannelClosedException closed)
        {
            // The client has ended the stream without a request, or its request could not be read.
            if (IsUnreadable(closed.InnerException))
                throw RefuseUnreadable(closed.InnerException!);
            return null;
        }
        catch (TimeoutException)
        {
            throw Refuse(
                StatusCode.DeadlineExceeded,
                RefusalReason.TooSlow,
                $"No request came within {_context.Options.FirstRequestTimeout}."
            );
        }
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
            if (configuration is not null && isName && configuration.Nodes.TryGetValue(name, out var node))
                return node;
            if (configuration is not null && isGuest)
                return null;
            if (configuration is not null && !isName)
                throw Refuse(
                    StatusCode.InvalidArgument,
                    RefusalReason.BadRequest,
                    $"'{_nodeId}' is not a node id of the form pod.namespace."
                );
            try
            {
                await _signal.WaitAsync(either.Token);
            }
            catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
            {
                throw configuration is null
                    ? Refuse(StatusCode.Unavailable, RefusalReason.Unavailable, "The operator has no configuration yet.")
                    : Refuse(StatusCode.NotFound, RefusalReason.NoPod, $"No pod with a proxy is known as '{_nodeId}'.");
            }

            // Requests set the signal too; they stay queued.
        }
    }

    private async Task EndOfRequestsAsync()
    {
        try
        {
            await _requests.Completion;
        }
        catch (Exception exception) when (IsUnreadable(exception))
        {
            throw RefuseUnreadable(exception);
        }
    }

    private static bool IsUnreadable(Exception? exception) => exception is RpcException or InvalidProtocolBufferException;

    /// <summary>gRPC itself says when a message is too large.</summary>
    private RpcException RefuseUnreadable(Exception exception) =>
        exception is RpcException { Status: var status }
            ? Refuse(status.StatusCode, RefusalReason.BadRequest, status.Detail)
            : Refuse(StatusCode.InvalidArgument, RefusalReason.BadRequest, "A message was not a discovery request.");

    private RpcException Refuse(StatusCode code, RefusalReason why, string reason) =>
        _context.Refusals.Refuse(_call.Peer, _nodeId, code, why, reason);

    /// <summary>What the stream has last made a view of. It does not hold the whole configuration, as others may stay for long.</summary>
    private sealed record LookedAt(NodeEntry? Node, IReadOnlyList<ResourceSet> Shared, LazyProxylessConfiguration? Proxyless);
}
