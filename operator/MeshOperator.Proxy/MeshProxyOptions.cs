using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace MeshOperator.Proxy;

/// <summary>What a <see cref="MeshProxy"/> needs beside its bootstrap.</summary>
public sealed record MeshProxyOptions
{
    /// <summary>Where it logs.</summary>
    public ILoggerFactory LoggerFactory { get; init; } = NullLoggerFactory.Instance;

    /// <summary>Its clock.</summary>
    public TimeProvider Time { get; init; } = TimeProvider.System;

    /// <summary>When set, the proxy rejects the routes of all calls that leave the pod, for this reason. Shows what a rejected policy looks
    /// like.</summary>
    public string? RejectRoutes { get; init; }

    /// <summary>How long requests in flight may take to finish when the proxy stops, or a listener is removed.</summary>
    public TimeSpan DrainTimeout { get; init; } = TimeSpan.FromSeconds(5);
}
