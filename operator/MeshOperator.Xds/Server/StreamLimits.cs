using System.Collections.Concurrent;
using System.Net;
using Grpc.Core;
using Microsoft.Extensions.Options;

namespace MeshOperator.Xds.Server;

/// <summary>Bounds the streams that are open, in all and from one address.</summary>
internal sealed class StreamLimits(IOptions<XdsServerOptions> options, Refusals refusals)
{
    private readonly ConcurrentDictionary<IPAddress, int> _byAddress = new();
    private int _total;

    /// <summary>Counts a stream until the result is disposed of. Throws RESOURCE_EXHAUSTED when there are too many.</summary>
    public IDisposable Enter(string peer, IPAddress? address)
    {
        if (Interlocked.Increment(ref _total) > options.Value.MaxStreams)
        {
            Interlocked.Decrement(ref _total);
            throw Exhausted(peer, $"More than {options.Value.MaxStreams} streams are open.");
        }

        if (address?.IsIPv4MappedToIPv6 == true)
            address = address.MapToIPv4();
        if (address is null || IPAddress.IsLoopback(address))
            return new Lease(this, null);
        if (_byAddress.AddOrUpdate(address, 1, static (_, count) => count + 1) > options.Value.MaxStreamsPerAddress)
        {
            Leave(address);
            throw Exhausted(peer, $"More than {options.Value.MaxStreamsPerAddress} streams are open from {address}.");
        }

        return new Lease(this, address);
    }

    private RpcException Exhausted(string peer, string reason) =>
        refusals.Refuse(peer, string.Empty, StatusCode.ResourceExhausted, RefusalReason.TooMuch, reason);

    private void Leave(IPAddress? address)
    {
        Interlocked.Decrement(ref _total);
        if (address is null)
            return;
        _byAddress.AddOrUpdate(address, 0, static (_, count) => count - 1);
        _byAddress.TryRemove(KeyValuePair.Create(address, 0));
    }

    private sealed class Lease(StreamLimits limits, IPAddress? address) : IDisposable
    {
        private int _isDisposed;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _isDisposed, 1) == 0)
                limits.Leave(address);
        }
    }
}
