using k8s.Models;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Api.Policies;

/// <summary>CircuitBreaker limits what callers' proxies have in flight to a service, and ejects endpoints that fail.</summary>
[KubernetesEntity(Group = MeshNames.Group, ApiVersion = MeshNames.Version, Kind = "CircuitBreaker", PluralName = "circuitbreakers")]
[KubernetesEntityShortNames("cb")]
[KubernetesEntityCategories("meshpolicies", "mesh")]
[DefinitionLabel(GatewayApi.PolicyLabel, GatewayApi.DirectPolicy)]
[AdditionalPrinterColumn(".spec.targetRefs[0].name", "Target", Order = 1, Description = "The first target.")]
[AdditionalPrinterColumn(".spec.maxRequests", "Requests", "integer", Order = 2, Priority = 1, Description = "Limit on requests in flight.")]
[AdditionalPrinterColumn(
    ".spec.outlierDetection.consecutive5xx",
    "5xx",
    "integer",
    Order = 3,
    Priority = 1,
    Description = "Consecutive errors after which an endpoint is ejected."
)]
public sealed class CircuitBreaker : MeshPolicy<CircuitBreakerSpec, PolicyStatus>;

/// <summary>Limits of each calling proxy for the targets. A field that is omitted sets no limit.</summary>
[ValidationRule(
    "has(self.maxConnections) || has(self.maxPendingRequests) || has(self.maxRequests) || has(self.maxRetries) || "
        + "has(self.outlierDetection)",
    "the circuit breaker sets no limit; set at least one of maxConnections, maxPendingRequests, maxRequests, maxRetries and "
        + "outlierDetection"
)]
public sealed class CircuitBreakerSpec
{
    /// <summary>The services that the policy applies to. sectionName names one of a service's ports. The policy also applies to the
    /// backends of a service's traffic split that have no circuit breaker of their own.</summary>
    [Required]
    [Items(1, 16)]
    [ValidationRule("self.all(t, t.kind == 'Service')", "a target must be a Service")]
    public List<PolicyTargetReference> TargetRefs { get; set; } = [];

    /// <summary>Maximum number of connections, for HTTP/1.1 and TCP.</summary>
    [RangeMinimum(1)]
    public int? MaxConnections { get; set; }

    /// <summary>Maximum number of requests that wait for a connection. Further ones are answered with status 503.</summary>
    [RangeMinimum(1)]
    public int? MaxPendingRequests { get; set; }

    /// <summary>Maximum number of requests in flight. Further ones are answered with status 503.</summary>
    [RangeMinimum(1)]
    public int? MaxRequests { get; set; }

    /// <summary>Maximum number of retries in flight. It replaces the default budget of a RetryPolicy. A budget that a RetryPolicy sets
    /// explicitly takes precedence.</summary>
    [RangeMinimum(0)]
    public int? MaxRetries { get; set; }

    /// <summary>When a failing endpoint is ejected for a while.</summary>
    public OutlierDetectionSpec? OutlierDetection { get; set; }
}

/// <summary>When a failing endpoint is ejected for a while.</summary>
public sealed class OutlierDetectionSpec
{
    /// <summary>Consecutive 5xx status codes or failed connections that eject an endpoint. 0 means that they do not count. If omitted, 5,
    /// or 0 if consecutiveGatewayErrors is set.</summary>
    [RangeMinimum(0)]
    [RangeMaximum(1000000)]
    public int? Consecutive5xx { get; set; }

    /// <summary>Consecutive status codes 502, 503 and 504 or failed connections that eject an endpoint. 0 means that they do not
    /// count.</summary>
    [DefaultValue(0)]
    [RangeMinimum(0)]
    [RangeMaximum(1000000)]
    public int ConsecutiveGatewayErrors { get; set; }

    /// <summary>How often endpoints are examined.</summary>
    [DefaultValue(CircuitBreakerDefaults.Interval)]
    [Duration]
    public string Interval { get; set; } = CircuitBreakerDefaults.Interval;

    /// <summary>How long an endpoint is ejected the first time. The n-th consecutive ejection lasts n times as long.</summary>
    [DefaultValue(CircuitBreakerDefaults.BaseEjectionTime)]
    [Duration]
    public string BaseEjectionTime { get; set; } = CircuitBreakerDefaults.BaseEjectionTime;

    /// <summary>The maximum share of endpoints that may be ejected at the same time, in percent.</summary>
    [DefaultValue(CircuitBreakerDefaults.MaxEjectionPercent)]
    [RangeMinimum(1)]
    [RangeMaximum(100)]
    public int MaxEjectionPercent { get; set; } = CircuitBreakerDefaults.MaxEjectionPercent;
}
