using MeshOperator.Api;
using MeshOperator.Mesh.Model;

namespace MeshOperator.Xds.Translation.Shared;

/// <summary>The names of Envoy resources and extensions.</summary>
internal static class Names
{
    public const string Passthrough = "passthrough";
    public const string Blackhole = "blackhole";
    public const string TracingCluster = "telemetry/tracing";
    public const string OutboundListener = "outbound";
    public const string OutboundIpv6Listener = "outbound/ipv6";
    public const string ExplicitProxy = "explicit-proxy";
    public const string InboundListener = "inbound";
    public const string InboundPassthrough = "inbound/passthrough";

    /// <summary>A cluster without endpoints, for clients that cannot be answered directly.</summary>
    public const string MissingBackend = "missing-backend";

    public const string IdentitySecret = MeshNames.IdentitySecret;
    public const string TrustBundleSecret = MeshNames.TrustBundleSecret;

    /// <summary>See <see cref="MeshNames.Alpn"/>.</summary>
    public const string MeshAlpn = MeshNames.Alpn;

    /// <summary>See <see cref="MeshNames.HttpAlpn"/>.</summary>
    public const string MeshHttpAlpn = MeshNames.HttpAlpn;

    /// <summary>The key of endpoint metadata that marks endpoints which take no mutual TLS.</summary>
    public const string PlaintextMetadata = "meshoperator.io/plaintext";

    public const string FaultFilter = "envoy.filters.http.fault";
    public const string RateLimitFilter = "envoy.filters.http.local_ratelimit";
    public const string RouterFilter = "envoy.filters.http.router";

    /// <summary>The name of a service port's cluster, endpoints, route and first listener.</summary>
    public static string Outbound(ServiceName service, int port) => $"outbound/{port}/{service}";

    /// <summary>What proxyless gRPC clients ask for as <c>xds:///service.namespace:port</c>.</summary>
    public static string Proxyless(ServiceName service, int port) => $"{service}:{port}";

    public static string Outbound(BackendTarget target) => Outbound(target.Service, target.Port);

    /// <summary>The name of the cluster, endpoints and so on of a pool of a service port's routes.</summary>
    public static string Pool(ServiceName service, int port, string pool) => $"{Outbound(service, port)}/{pool}";

    /// <summary>The name of the cluster of a service port for the requests of a gradual shift.</summary>
    public static string Shift(BackendTarget target, ShiftName shift) => $"{Outbound(target)}/shift/{shift}";

    /// <summary>What stands for that name in statistics.</summary>
    public static string ShiftStat(BackendTarget target, ShiftName shift) =>
        $"{OutboundStat(target.Service, target.Port)}/shift/{shift.ToString().Replace('.', '_')}";

    /// <summary>The histogram of a gradual shift's cluster that says when the bodies of responses began.</summary>
    public const string FirstByteStat = "upstream_rq_time_first_byte";

    /// <summary>The name of the cluster of a service port for copies of requests. No pool has this name.</summary>
    public static string Mirror(BackendTarget target) => $"{Outbound(target)}/mirror";

    /// <summary>The name of the cluster of connections to endpoints that the client chose.</summary>
    public static string Direct(ServiceName service, int port) => $"direct/{port}/{service}";

    /// <summary>What is for endpoints without mutual TLS, where others of the service have it.</summary>
    public static string Plaintext(string name) => $"{name}/plaintext";

    /// <summary>What stands for the name in statistics. Envoy ends the part of a statistic that names a cluster or connection
    /// manager at the first dot, so there is none in it.</summary>
    public static string OutboundStat(ServiceName service, int port) => $"outbound/{port}/{service.Namespace}/{service.Name}";

    /// <summary>The name of the routes of explicit proxies of a scope.</summary>
    public static string ExplicitRoutes(ProxyScope scope)
    {
        var name = $"{ExplicitProxy}/{scope.Explicit?.Namespace}";
        return scope.Services is { } services ? $"{name}/{string.Join(',', services.Services)}" : name;
    }

    /// <summary>The name of the listener of a local port.</summary>
    public static string Local(int port) => $"local/{port}";

    public static string Inbound(int port) => $"inbound/{port}";
}
