using k8s.Models;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Api.Policies;

/// <summary>RateLimit limits how many requests workloads accept. Each proxy counts for itself.</summary>
[KubernetesEntity(Group = MeshNames.Group, ApiVersion = MeshNames.Version, Kind = "RateLimit", PluralName = "ratelimits")]
[KubernetesEntityShortNames("rl")]
[KubernetesEntityCategories("meshpolicies", "mesh")]
[AdditionalPrinterColumn(
    ".spec.targetRefs[0].name",
    "Target",
    Order = 1,
    Description = "The first target. Empty if the policy selects pods by labels."
)]
[AdditionalPrinterColumn(".spec.limits[0].requests", "Requests", "integer", Order = 2, Description = "Requests of the first limit.")]
[AdditionalPrinterColumn(
    ".spec.limits[0].unit",
    "Unit",
    Order = 3,
    Description = "The unit of time in which they are counted. Empty means a second."
)]
public sealed class RateLimit : CustomKubernetesEntity<RateLimitSpec, PolicyStatus>;

/// <summary>The workloads, and how many HTTP requests each of their pods accepts. Further requests are answered with status 429. The most
/// specific policy applies: one for a service's port, then one for a service, then one with a selector.</summary>
[ValidationRule("has(self.selector) != has(self.targetRefs)", "set exactly one of spec.selector and spec.targetRefs")]
public sealed class RateLimitSpec
{
    /// <summary>Labels of the pods that the policy applies to.</summary>
    public PodLabelSelector? Selector { get; set; }

    /// <summary>The services whose pods the policy applies to. sectionName names one of a service's ports.</summary>
    [Items(1, 16)]
    [ValidationRule("self.all(t, t.kind == 'Service')", "a target must be a Service")]
    public List<PolicyTargetReference>? TargetRefs { get; set; }

    /// <summary>The limits. A request must be within every limit that matches it.</summary>
    [Required]
    [Items(1, 16)]
    public List<RequestLimit> Limits { get; set; } = [];
}

/// <summary>How many requests a pod accepts.</summary>
public sealed class RequestLimit
{
    /// <summary>The number of requests in each unit of time.</summary>
    [Required]
    [RangeMinimum(1)]
    [RangeMaximum(1000000000)]
    public int Requests { get; set; }

    /// <summary>The unit of time.</summary>
    [DefaultValue(RateLimitDefaults.Unit)]
    public RateLimitUnit Unit { get; set; } = RateLimitDefaults.Unit;

    /// <summary>The number of requests that may arrive at once after a pause. If omitted, the same as requests.</summary>
    [RangeMinimum(1)]
    [RangeMaximum(1000000000)]
    public int? Burst { get; set; }

    /// <summary>Which requests are counted. If omitted, all.</summary>
    public RateLimitMatch? Match { get; set; }
}

/// <summary>Units of time.</summary>
public enum RateLimitUnit
{
    /// <summary>A second.</summary>
    Second,

    /// <summary>A minute.</summary>
    Minute,

    /// <summary>An hour.</summary>
    Hour,

    /// <summary>24 hours.</summary>
    Day,
}

/// <summary>Selects requests. All fields that are set must match.</summary>
[ValidationRule(
    "has(self.path) || has(self.method) || has(self.headers)",
    "the match is empty; set at least one of path, method and headers"
)]
public sealed class RateLimitMatch
{
    /// <summary>The request's path, without the query.</summary>
    public PathMatch? Path { get; set; }

    /// <summary>The request's method.</summary>
    [EnumValues("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")]
    public string? Method { get; set; }

    /// <summary>The request's headers. Names are not case-sensitive.</summary>
    [Items(0, 16)]
    public List<ValueMatch>? Headers { get; set; }
}
