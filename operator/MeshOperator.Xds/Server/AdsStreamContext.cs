using MeshOperator.Xds.Cache;
using MeshOperator.Xds.Registry;
using MeshOperator.Xds.Secrets;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace MeshOperator.Xds.Server;

/// <summary>What all streams share.</summary>
internal sealed class AdsStreamContext(
    SnapshotCache cache,
    SecretCache secrets,
    ProxyRegistry registry,
    NodeGate gate,
    XdsMetrics metrics,
    Refusals refusals,
    IOptions<XdsServerOptions> options,
    FirstConfigurations firstConfigurations,
    TimeProvider time,
    ILogger<AdsService> log
)
{
    private long _streams;

    public SnapshotCache Cache => cache;

    public SecretCache Secrets => secrets;

    public ProxyRegistry Registry => registry;

    public NodeGate Gate => gate;

    public XdsMetrics Metrics => metrics;

    public Refusals Refusals => refusals;

    public XdsServerOptions Options => options.Value;

    public FirstConfigurations FirstConfigurations => firstConfigurations;

    public TimeProvider Time => time;

    public ILogger Log => log;

    /// <summary>Distinguishes the nonces of different streams.</summary>
    public string NextStreamId() => Interlocked.Increment(ref _streams).ToString(System.Globalization.CultureInfo.InvariantCulture);
}
