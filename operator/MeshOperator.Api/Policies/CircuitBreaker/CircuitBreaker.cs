using k8s.Models;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Api.Policies;

/// <summary>CircuitBreaker bounds what callers' proxies have under way towards a service, and leaves endpoints alone that fail.</summary>
[KubernetesEntity(Group = MeshNames.Group, ApiVersion = MeshNames.Version, Kind = "CircuitBreaker", PluralName = "circuitbreakers")]
[KubernetesEntityShortNames("cb")]
[KubernetesEntityCategories("meshpolicies", "mesh")]
[AdditionalPrinterColumn(".spec.targetRefs[0].name", "Target", Order = 1, Description = "The first target.")]
[AdditionalPrinterColumn(".spec.maxRequests", "Requests", "integer", Order = 2, Priority = 1, Description = "Bound on requests under way.")]
[AdditionalPrinterColumn(".spec.outlierDetection.consecutive5xx", "5xx", "integer", Order = 3, Priority = 1, Description = "Errors in a row after which an endpoint is left alone.")]
[AdditionalPrinterColumn(".status.conditions[?(@.type==\"Accepted\")].status", "Accepted", Order = 10)]
[AdditionalPrinterColumn(".status.conditions[?(@.type==\"Programmed\")].status", "Programmed", Order = 11)]
[AdditionalPrinterColumn(".status.proxies.summary", "Proxies", Order = 12, Description = "Proxies that acknowledged, of those it applies to.")]
[AdditionalPrinterColumn(".status.conditions[?(@.type==\"ResolvedRefs\")].status", "Resolved", Order = 13, Priority = 1)]
[AdditionalPrinterColumn(".metadata.creationTimestamp", "Age", "date", Order = 20)]
public sealed class CircuitBreaker : CustomKubernetesEntity<CircuitBreakerSpec, PolicyStatus>;

/// <summary>Bounds of each calling proxy towards the targets. What is left out is not bounded.</summary>
[ValidationRule("has(self.maxConnections) || has(self.maxPendingRequests) || has(self.maxRequests) || has(self.maxRetries) || has(self.outlierDetection)", "a circuit breaker must bound something: give at least one of maxConnections, maxPendingRequests, maxRequests, maxRetries and outlierDetection")]
public sealed class CircuitBreakerSpec
{
    /// <summary>The services it applies to; sectionName names one of a service's ports. It also holds for the backends of a service's
    /// traffic split that have none of their own.</summary>
    [Required]
    [Items(1, 16)]
    [ValidationRule("self.all(t, t.kind == 'Service')", "a target must be a Service")]
    public List<PolicyTargetReference> TargetRefs { get; set; } = [];

    /// <summary>Connections at once; for HTTP/1.1 and TCP.</summary>
    [RangeMinimum(1)]
    public int? MaxConnections { get; set; }

    /// <summary>Requests that wait for a connection; further ones are answered with status 503.</summary>
    [RangeMinimum(1)]
    public int? MaxPendingRequests { get; set; }

    /// <summary>Requests under way at once; further ones are answered with status 503.</summary>
    [RangeMinimum(1)]
    public int? MaxRequests { get; set; }

    /// <summary>Retries under way at once, in place of the budget that a RetryPolicy has by default; a budget that a RetryPolicy names
    /// is kept.</summary>
    [RangeMinimum(0)]
    public int? MaxRetries { get; set; }

    /// <summary>When an endpoint that fails is left alone for a while.</summary>
    public OutlierDetectionSpec? OutlierDetection { get; set; }
}

/// <summary>When an endpoint that fails is left alone for a while.</summary>
public sealed class OutlierDetectionSpec
{
    /// <summary>Status codes 5xx or failed connections in a row; 0 means that they do not count. Left out: 5, or 0 when
    /// consecutiveGatewayErrors is given.</summary>
    [RangeMinimum(0)]
    [RangeMaximum(1000000)]
    public int? Consecutive5xx { get; set; }

    /// <summary>Status codes 502, 503, 504 or failed connections in a row; 0 means that they do not count.</summary>
    [DefaultValue(0)]
    [RangeMinimum(0)]
    [RangeMaximum(1000000)]
    public int ConsecutiveGatewayErrors { get; set; }

    /// <summary>How often endpoints are looked at.</summary>
    [DefaultValue(CircuitBreakerDefaults.Interval)]
    [Duration]
    public string Interval { get; set; } = CircuitBreakerDefaults.Interval;

    /// <summary>How long an endpoint is left alone the first time; the n-th time in a row n times as long.</summary>
    [DefaultValue(CircuitBreakerDefaults.BaseEjectionTime)]
    [Duration]
    public string BaseEjectionTime { get; set; } = CircuitBreakerDefaults.BaseEjectionTime;

    /// <summary>How many of the endpoints may be left alone at once, in per cent.</summary>
    [DefaultValue(CircuitBreakerDefaults.MaxEjectionPercent)]
    [RangeMinimum(1)]
    [RangeMaximum(100)]
    public int MaxEjectionPercent { get; set; } = CircuitBreakerDefaults.MaxEjectionPercent;
}
