using MeshOperator.Kubernetes.LeaderElection;
using MeshOperator.Xds.Server;

namespace MeshOperator.Replicas;

/// <summary>Finds out whether this replica alone is cut off from the API server. It then is not ready and sends its proxies to the others,
/// which know what changes. When no replica reaches the API server, proxies stay where they are, with what they have.</summary>
internal sealed class Isolation(ApiContact contact, IPeerContacts peers, StreamDrain drain, TimeProvider time, ILogger<Isolation> logger)
    : BackgroundService
{
    /// <summary>How long the API server may be silent before others are asked about it.</summary>
    private static readonly TimeSpan LongestSilence = TimeSpan.FromSeconds(10);

    /// <summary>How old an answer may be that another replica had.</summary>
    private static readonly TimeSpan CountsFor = TimeSpan.FromSeconds(6);

    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(2);
    private bool _isCutOff;

    /// <summary>Whether this replica is cut off, and another is not.</summary>
    public bool IsCutOff => Volatile.Read(ref _isCutOff);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            var wasSilent = false;
            while (true)
            {
                await Task.Delay(LookEvery, time, stoppingToken);
                var isSilent = contact.Elapsed > LongestSilence;

                // A process that was paused finds a long silence when it wakes, and is answered within the next look.
                if (isSilent && wasSilent && !IsCutOff && await peers.ReachApiServerAsync(CountsFor, stoppingToken))
                    CutOff();
                else if (!isSilent && IsCutOff)
                    Return();
                wasSilent = isSilent;
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested) { }
    }

    private void CutOff()
    {
        Volatile.Write(ref _isCutOff, true);
        Log.CutOff(logger, contact.Elapsed.TotalSeconds);
        drain.Begin("This replica of the operator is cut off from the API server; reconnect.");
    }

    private void Return()
    {
        Volatile.Write(ref _isCutOff, false);
        Log.Returned(logger);
        drain.End();
    }
}
