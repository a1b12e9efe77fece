using Grpc.Core;
using MeshOperator.Xds.Server;

namespace MeshOperator.Xds.Tests.Support;

/// <summary>Accepts every client: for a loopback port.</summary>
internal sealed class AcceptAllNodes : INodeAuthenticator
{
    /// <inheritdoc/>
    public ValueTask<NodeAuthentication> AuthenticateAsync(ServerCallContext context, string nodeId, CancellationToken cancellationToken) =>
        ValueTask.FromResult(NodeAuthentication.Accepted);
}
