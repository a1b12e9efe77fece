namespace MeshOperator.Xds.Translation.Telemetry;

/// <summary>What proxies log of each request and connection, on their standard output as JSON.</summary>
public enum AccessLogMode
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>Requests answered with a status from 500 on, those that went wrong in a proxy, and those that an audited rule would
    /// refuse.</summary>
    Errors,

    /// <summary>Everything.</summary>
    All,
}

/// <summary>What proxies report about the traffic besides their statistics.</summary>
/// <param name="AccessLog">What they log.</param>
/// <param name="Tracing">Where they send spans; null means nowhere.</param>
public sealed record TelemetrySettings(AccessLogMode AccessLog = AccessLogMode.None, TracingSettings? Tracing = null);

/// <summary>Where spans are sent.</summary>
/// <param name="Host">The collector's host name or IP address.</param>
/// <param name="Port">Its port for OTLP over gRPC, in plaintext.</param>
/// <param name="SamplingPercent">0 to 100 percent of the requests that come without a decision of their own.</param>
public sealed record TracingSettings(string Host, int Port, double SamplingPercent);
