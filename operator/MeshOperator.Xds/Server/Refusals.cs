using System.Buffers;
using System.Text;
using Grpc.Core;
using Microsoft.Extensions.Logging;

namespace MeshOperator.Xds.Server;

/// <summary>Counts and logs the clients that are refused. A flood of them does not fill the log: of each minute the first few are told,
/// and how many came besides.</summary>
internal sealed class Refusals(XdsMetrics metrics, TimeProvider time, ILogger<AdsService> log) : IDisposable
{
    private const int ToldEach = 10;
    private static readonly TimeSpan Window = TimeSpan.FromMinutes(1);

    /// <summary>A client's own words could else look like lines of the log.</summary>
    private static readonly SearchValues<char> Printable = SearchValues.Create(
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~:/@ "
    );

    private readonly Lock _gate = new();
    private ITimer? _end;
    private int _told;
    private int _untold;

    /// <summary>Notes a refusal and makes the exception that ends the stream.</summary>
    public RpcException Refuse(string peer, string nodeId, StatusCode status, RefusalReason why, string reason)
    {
        metrics.Refused(why);
        if (IsTold())
            log.ClientRefused(peer, Shown(nodeId), reason);
        return new RpcException(new Status(status, reason));
    }

    public void Dispose() => _end?.Dispose();

    private bool IsTold()
    {
        lock (_gate)
        {
            _end ??= time.CreateTimer(_ => EndWindow(), null, Window, Timeout.InfiniteTimeSpan);
            if (_told == ToldEach)
            {
                _untold++;
                return false;
            }

            _told++;
            return true;
        }
    }

    private void EndWindow()
    {
        int untold;
        lock (_gate)
        {
            untold = _untold;
            (_told, _untold) = (0, 0);
            _end?.Dispose();
            _end = null;
        }

        if (untold > 0)
            log.ClientsRefused(untold, Window);
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
