using Microsoft.Extensions.Logging;

namespace MeshOperator.LocalCluster;

/// <summary>How a local cluster is to be.</summary>
public sealed record LocalClusterOptions
{
    /// <summary>The port on loopback; 0 takes any free one.</summary>
    public int Port { get; init; }

    /// <summary>
    /// Whether stand-ins for the deployment, replica set, stateful set, daemon set and endpoint slice controllers and for
    /// the kubelet run, the last unless <see cref="ExternalKubelet"/>. Without them objects stay as they are written.
    /// </summary>
    public bool WorkloadControllers { get; init; } = true;

    /// <summary>Whether somebody else is scheduler and kubelet, and the stand-in for them does not run: binds pods to a node, runs them,
    /// and ends deleted ones.</summary>
    public bool ExternalKubelet { get; init; }

    /// <summary>Who may do what.</summary>
    public AuthorizationMode Authorization { get; init; } = AuthorizationMode.Rbac;

    /// <summary>The IPv4 range of the services' cluster IPs, in CIDR notation.</summary>
    public string ServiceCidr { get; init; } = "10.96.0.0/16";

    /// <summary>The clock of timestamps, timeouts and expiries.</summary>
    public TimeProvider TimeProvider { get; init; } = TimeProvider.System;

    /// <summary>Where the server logs; null for nowhere.</summary>
    public ILoggerFactory? LoggerFactory { get; init; }

    /// <summary>How many changes of each resource are kept for watches; an older resourceVersion gets 410 Expired.</summary>
    public int WatchHistory { get; init; } = 10_000;

    /// <summary>
    /// Answers where an admission webhook's service is, given namespace and name: a `https` address on this machine, or
    /// null to look at the ready loopback addresses in the service's endpoint slices.
    /// </summary>
    public Func<string, string, Uri?>? WebhookServiceAddress { get; init; }

    /// <exception cref="ArgumentException">A setting is wrong; the message names it.</exception>
    internal void Validate()
    {
        if (Port is < 0 or > 65535)
            throw new ArgumentException($"LocalClusterOptions.Port is {Port}: it must be between 0 and 65535");
        if (WatchHistory < 1)
            throw new ArgumentException($"LocalClusterOptions.WatchHistory is {WatchHistory}: it must be at least 1");
        if (
            !System.Net.IPNetwork.TryParse(ServiceCidr, out var range)
            || range.BaseAddress.AddressFamily != System.Net.Sockets.AddressFamily.InterNetwork
            || range.PrefixLength is < 8 or > 28
        )
            throw new ArgumentException(
                $"LocalClusterOptions.ServiceCidr is \"{ServiceCidr}\": it must be an IPv4 range such as 10.96.0.0/16, between /8 and /28"
            );
    }
}
