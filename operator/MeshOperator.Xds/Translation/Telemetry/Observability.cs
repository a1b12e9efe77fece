using Envoy.Config.Accesslog.V3;
using Envoy.Config.Cluster.V3;
using Envoy.Config.Core.V3;
using Envoy.Config.Endpoint.V3;
using Envoy.Config.Listener.V3;
using Envoy.Config.Trace.V3;
using Envoy.Extensions.AccessLoggers.Stream.V3;
using Envoy.Extensions.Filters.Network.HttpConnectionManager.V3;
using Envoy.Extensions.Filters.Network.TcpProxy.V3;
using Envoy.Extensions.RequestId.Uuid.V3;
using Envoy.Extensions.Tracers.Opentelemetry.ResourceDetectors.V3;
using Envoy.Type.Matcher.V3;
using Envoy.Type.V3;
using Google.Protobuf.WellKnownTypes;
using MeshOperator.Xds.Translation.Inbound;
using MeshOperator.Xds.Translation.Shared;
using Manager = Envoy.Extensions.Filters.Network.HttpConnectionManager.V3.HttpConnectionManager;

namespace MeshOperator.Xds.Translation.Telemetry;

/// <summary>Adds access logs and tracing to connection managers and TCP proxies. The headers of W3C's Trace Context pass unchanged where
/// there is no tracing, and are continued where there is.</summary>
internal sealed class Observability
{
    private const string HttpRbac = "envoy.filters.http.rbac";
    private const string NetworkRbac = "envoy.filters.network.rbac";
    private static readonly TimeSpan SpansWithin = TimeSpan.FromMilliseconds(250);

    private readonly AccessLogMode _mode;
    private readonly Manager.Types.Tracing? _tracing;

    public Observability(TelemetrySettings settings)
    {
        _mode = settings.AccessLog;
        if (settings.Tracing is not { } tracing)
            return;
        Collector = ToCluster(tracing);
        _tracing = new Manager.Types.Tracing
        {
            ClientSampling = new Percent { Value = 100 },
            RandomSampling = new Percent { Value = tracing.SamplingPercent },
            OverallSampling = new Percent { Value = 100 },
            Provider = new Tracing.Types.Http
            {
                Name = "envoy.tracers.opentelemetry",
                TypedConfig = EnvoyMessages.Pack(
                    new OpenTelemetryConfig
                    {
                        GrpcService = new GrpcService
                        {
                            EnvoyGrpc = new GrpcService.Types.EnvoyGrpc { ClusterName = Names.TracingCluster },
                            Timeout = EnvoyMessages.Duration(SpansWithin),
                        },

                        // The workload's name is in the proxy's environment, so that all proxies share listeners.
                        ResourceDetectors =
                        {
                            new TypedExtensionConfig
                            {
                                Name = "envoy.tracers.opentelemetry.resource_detectors.environment",
                                TypedConfig = EnvoyMessages.Pack(new EnvironmentResourceDetectorConfig()),
                            },
                        },
                    }
                ),
            },
        };
    }

    /// <summary>The cluster of the collector; null without tracing.</summary>
    public Cluster? Collector { get; }

    public void Outbound(Manager manager) => Observe(manager, TrafficDirection.Outbound);

    public void Inbound(Manager manager) => Observe(manager, TrafficDirection.Inbound);

    public void Outbound(TcpProxy proxy) =>
        proxy.AccessLog.AddRange(Log(TcpFields(TrafficDirection.Outbound), TcpFilter(TrafficDirection.Outbound)));

    public void Inbound(TcpProxy proxy) =>
        proxy.AccessLog.AddRange(Log(TcpFields(TrafficDirection.Inbound), TcpFilter(TrafficDirection.Inbound)));

    /// <summary>What no filter chain takes, such as plaintext at a strict port, is known to nobody but the listener.</summary>
    public void Inbound(Listener listener)
    {
        if (_mode is AccessLogMode.None)
            return;
        var fields = TcpFields(TrafficDirection.Inbound);
        Add(fields, "details", "%RESPONSE_CODE_DETAILS%");
        listener.AccessLog.Add(Log(fields, new AccessLogFilter { ResponseFlagFilter = new ResponseFlagFilter { Flags = { "NR" } } }));
    }

    /// <summary>An application's <c>x-request-id</c> is its own: where requests are traced, Envoy writes why into one of its
    /// digits.</summary>
    private static readonly RequestIDExtension UnchangedIds = new()
    {
        TypedConfig = EnvoyMessages.Pack(new UuidRequestIdConfig { PackTraceReason = false }),
    };

    private void Observe(Manager manager, TrafficDirection direction)
    {
        manager.AccessLog.AddRange(Log(HttpFields(direction), HttpFilter(direction)));
        if (_tracing is null)
            return;
        manager.Tracing = _tracing;
        manager.RequestIdExtension = UnchangedIds;
    }

    private IEnumerable<AccessLog> Log(Struct fields, IReadOnlyList<AccessLogFilter> errors)
    {
        if (_mode is AccessLogMode.None)
            yield break;
        yield return Log(
            fields,
            _mode is AccessLogMode.All ? null
                : errors.Count == 1 ? errors[0]
                : new AccessLogFilter { OrFilter = new OrFilter { Filters = { errors } } }
        );
    }

    private static AccessLog Log(Struct fields, AccessLogFilter? filter) =>
        new()
        {
            Name = "envoy.access_loggers.stdout",
            Filter = filter,
            TypedConfig = EnvoyMessages.Pack(
                new StdoutAccessLog
                {
                    LogFormat = new SubstitutionFormatString
                    {
                        JsonFormat = fields,
                        OmitEmptyValues = true,
                        JsonFormatOptions = new JsonFormatOptions { SortProperties = true },
                    },
                }
            ),
        };

    private static IReadOnlyList<AccessLogFilter> HttpFilter(TrafficDirection direction) =>
        [
            new()
            {
                StatusCodeFilter = new StatusCodeFilter
                {
                    Comparison = new ComparisonFilter
                    {
                        Op = ComparisonFilter.Types.Op.Ge,
                        Value = new RuntimeUInt32 { DefaultValue = 500, RuntimeKey = "meshoperator.access_log.min_status" },
                    },
                },
            },
            .. TcpFilter(direction, HttpRbac),
        ];

    private static IReadOnlyList<AccessLogFilter> TcpFilter(TrafficDirection direction, string rbac = NetworkRbac) =>
        [
            new() { ResponseFlagFilter = new ResponseFlagFilter() },
            .. direction is TrafficDirection.Outbound
                ? []
                : AuditNames.AuditPrefixes.Select(prefix => new AccessLogFilter
                {
                    MetadataFilter = new MetadataFilter
                    {
                        Matcher = new MetadataMatcher
                        {
                            Filter = rbac,
                            Path = { new MetadataMatcher.Types.PathSegment { Key = prefix + AuditNames.ShadowResult } },
                            Value = new ValueMatcher { StringMatch = new StringMatcher { Exact = "denied" } },
                        },
                        MatchIfKeyNotFound = false,
                    },
                }),
        ];

    /// <summary>The path goes without its query, in which there may be secrets.</summary>
    private static Struct HttpFields(TrafficDirection direction)
    {
        var fields = TcpFields(direction, HttpRbac);
        Add(fields, "method", "%REQ(:METHOD)%");
        Add(fields, "path", "%REQ_WITHOUT_QUERY(X-ENVOY-ORIGINAL-PATH?:PATH)%");
        Add(fields, "authority", "%REQ(:AUTHORITY)%");
        Add(fields, "protocol", "%PROTOCOL%");
        Add(fields, "status", "%RESPONSE_CODE%");
        Add(fields, "grpc_status", "%GRPC_STATUS%");
        Add(fields, "details", "%RESPONSE_CODE_DETAILS%");
        Add(fields, "attempts", "%UPSTREAM_REQUEST_ATTEMPT_COUNT%");
        Add(fields, "route", "%ROUTE_NAME%");
        Add(fields, "request_id", "%REQ(X-REQUEST-ID)%");
        Add(fields, "traceparent", "%REQ(TRACEPARENT)%");
        Add(fields, "user_agent", "%REQ(USER-AGENT)%");
        return fields;
    }

    private static Struct TcpFields(TrafficDirection direction, string rbac = NetworkRbac)
    {
        var fields = new Struct();
        Add(fields, "time", "%START_TIME%");
        Add(fields, "direction", direction is TrafficDirection.Inbound ? "inbound" : "outbound");
        Add(fields, "duration_ms", "%DURATION%");
        Add(fields, "bytes_received", "%BYTES_RECEIVED%");
        Add(fields, "bytes_sent", "%BYTES_SENT%");
        Add(fields, "flags", "%RESPONSE_FLAGS%");
        Add(fields, "cluster", "%UPSTREAM_CLUSTER_RAW%");
        Add(fields, "upstream", "%UPSTREAM_HOST%");
        Add(fields, "upstream_failure", "%UPSTREAM_TRANSPORT_FAILURE_REASON%");
        Add(fields, "downstream", "%DOWNSTREAM_REMOTE_ADDRESS%");
        Add(fields, "destination", "%DOWNSTREAM_LOCAL_ADDRESS%");
        if (direction is TrafficDirection.Outbound)
            return fields;
        Add(fields, "caller", "%DOWNSTREAM_PEER_URI_SAN%");
        Add(fields, "tls_failure", "%DOWNSTREAM_TRANSPORT_FAILURE_REASON%");
        foreach (var prefix in AuditNames.AuditPrefixes)
        {
            Add(fields, prefix.TrimEnd('_'), $"%DYNAMIC_METADATA({rbac}:{prefix}{AuditNames.ShadowResult})%");
            Add(fields, prefix + "rule", $"%DYNAMIC_METADATA({rbac}:{prefix}{AuditNames.ShadowPolicy})%");
        }

        return fields;
    }

    private static void Add(Struct fields, string name, string value) => fields.Fields.Add(name, Value.ForString(value));

    private static Cluster ToCluster(TracingSettings tracing) =>
        new()
        {
            Name = Names.TracingCluster,
            Type = Cluster.Types.DiscoveryType.StrictDns,
            DnsLookupFamily = Cluster.Types.DnsLookupFamily.All,
            ConnectTimeout = EnvoyMessages.Duration(TimeSpan.FromSeconds(5)),
            LoadAssignment = new ClusterLoadAssignment
            {
                ClusterName = Names.TracingCluster,
                Endpoints =
                {
                    new LocalityLbEndpoints
                    {
                        LbEndpoints =
                        {
                            new LbEndpoint { Endpoint = new() { Address = EnvoyMessages.Address(tracing.Host, (uint)tracing.Port) } },
                        },
                    },
                },
            },
            TypedExtensionProtocolOptions = { [UpstreamProtocols.OptionsName] = EnvoyMessages.Pack(UpstreamProtocols.Http2()) },
        };
}
