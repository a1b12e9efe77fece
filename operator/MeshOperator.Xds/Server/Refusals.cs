using System.Buffers;
using System.Text;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace MeshOperator.Xds.Server;

/// <summary>Counts and logs the clients that are refused. A flood of them does not fill the log: of each minute the first few are logged,
/// and how many came besides.</summary>
internal sealed class Refusals(XdsMetrics metrics, TimeProvider time, ILogger<AdsService> log) : IDisposable
{
    private const int LoggedEach = 10;
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    /// <summary>A client's own words could else look like lines of the log.</summary>
    private static readonly SearchValues<char> Printable = SearchValues.Create(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/@ "
    );

    private readonly Lock _gate = new();
    private ITimer? _end;
    private int _logged;
    private int _unlogged;

    /// <summary>Notes a refusal and makes the exception that ends the stream.</summary>
    public RpcException Refuse(string peer, string nodeId, StatusCode status, RefusalReason why, string reason)
    {
        metrics.Refused(why);
        if (ShouldLog())
            log.ClientRefused(peer, Shown(nodeId), reason);
        return new RpcException(new Status(status, reason));
    }

    public void Dispose() => _end?.Dispose();

    private bool ShouldLog()
    {
        lock (_gate)
        {
            _end ??= time.CreateTimer(_ => EndWindow(), null, Window, Timeout.InfiniteTimeSpan);
            if (_logged == LoggedEach)
            {
                _unlogged++;
                return false;
            }

            _logged++;
            return true;
        }
    }

    private void EndWindow()
    {
        int unlogged;
        lock (_gate)
        {
            unlogged = _unlogged;
            (_logged, _unlogged) = (0, 0);
            _end?.Dispose();
            _end = null;
        }

        if (unlogged > 0)
            log.ClientsRefused(unlogged, Window);
    }

    private static string Shown(string nodeId)
    {
        if (!nodeId.AsSpan().ContainsAnyExcept(Printable))
            return nodeId;
        var shown = new StringBuilder(nodeId);
        for (var i = 0; i < shown.Length; i++)
        {
            if (!Printable.Contains(shown[i]))
                shown[i] = '?';
        }

        return shown.ToString();
    }
}
