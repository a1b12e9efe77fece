using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Options;

namespace MeshOperator.Xds.Server;

/// <summary>Bounds and timeouts of the ADS server.</summary>
public sealed class XdsServerOptions
{
    /// <summary>How long a client is kept waiting for its workload to become known, as a pod may connect before the operator has seen
    /// it, and for the first configuration.</summary>
    public TimeSpan UnknownNodeWait { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>How long a new stream may take to its first request.</summary>
    public TimeSpan FirstRequestTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>For <see cref="INodeAuthenticator.AuthenticateAsync"/>, which may wait for the API server. A client that is refused waits
    /// too, and Envoy's own pauses grow to 30 s.</summary>
    public TimeSpan AuthenticationTimeout { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>How many streams of configuration wait for <see cref="INodeAuthenticator.AuthenticateAsync"/> at once, and as many of load
    /// reports. Others are sent away, perhaps to another replica, in place of waiting until their time is over.</summary>
    [Range(1, int.MaxValue)]
    public int MaxWaitingStreams { get; set; } = 1000;

    /// <summary>For <see cref="Secrets.IIdentitySource.GetIdentityAsync"/>.</summary>
    public TimeSpan IdentityTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>When an identity is asked for again after that failed.</summary>
    public TimeSpan IdentityRetryDelay { get; set; } = TimeSpan.FromSeconds(5);

    /// <summary>How long a client may take to read one response.</summary>
    public TimeSpan WriteTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>After this a stream is ended, so that proxies spread again over the operator's replicas and show a fresh token; up to a
    /// tenth more, at random. Zero means never.</summary>
    public TimeSpan MaxStreamAge { get; set; } = TimeSpan.FromMinutes(30);

    /// <summary>Resources of one response are split over several beyond this size, where the protocol allows it. gRPC clients refuse
    /// messages over 4 MiB unless set otherwise.</summary>
    [Range(1, int.MaxValue)]
    public int MaxResponseBytes { get; set; } = 3 * 1024 * 1024;

    /// <summary>How many streams fetch their first configuration at once; the others wait for their turn.</summary>
    [Range(1, int.MaxValue)]
    public int MaxFirstConfigurations { get; set; } = 32;

    /// <summary>After this a stream's turn to fetch its first configuration is over, whether it has all of it or not.</summary>
    public TimeSpan FirstConfigurationTurn { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>How many names a stream may subscribe to, of each type.</summary>
    [Range(1, int.MaxValue)]
    public int MaxSubscribedNames { get; set; } = 50_000;

    /// <summary>Whether streams are ended as soon as the host begins to stop; else by <see cref="StreamDrain.ShutDownAsync"/>.</summary>
    public bool DrainsWhenStopping { get; set; } = true;

    /// <summary>How many streams are open at once. A sidecar has two: one for its configuration, one for its counts.</summary>
    [Range(1, int.MaxValue)]
    public int MaxStreams { get; set; } = 40_000;

    /// <summary>How many streams are open at once from one IP address; connections from this machine itself are not counted.</summary>
    [Range(1, int.MaxValue)]
    public int MaxStreamsPerAddress { get; set; } = 128;
}

/// <summary>Checks them by their attributes.</summary>
[OptionsValidator]
internal sealed partial class XdsServerOptionsValidator : IValidateOptions<XdsServerOptions>;
