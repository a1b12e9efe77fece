using System.Diagnostics.CodeAnalysis;
using k8s.Models;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Api.Policies;

/// <summary>RateLimit limits how many requests workloads accept: each pod, all pods of a service together, or each client; and how many
/// they handle at once.</summary>
[KubernetesEntity(Group = MeshNames.Group, ApiVersion = MeshNames.Version, Kind = "RateLimit", PluralName = "ratelimits")]
[KubernetesEntityShortNames("rl")]
[KubernetesEntityCategories("meshpolicies", "mesh")]
[DefinitionLabel(GatewayApi.PolicyLabel, GatewayApi.DirectPolicy)]
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
public sealed class RateLimit : MeshPolicy<RateLimitSpec, PolicyStatus>;

/// <summary>The workloads, and how many HTTP requests each of their pods accepts. Further requests are answered with status 429. The most
/// specific policy applies: one for a service's port, then one for a service, then one with a selector.</summary>
[ValidationRule("has(self.selector) != has(self.targetRefs)", "set exactly one of spec.selector and spec.targetRefs")]
[ValidationRule("has(self.limits) || has(self.queue)", "nothing is limited; set at least one of limits and queue")]
public sealed class RateLimitSpec
{
    /// <summary>Labels of the pods that the policy applies to.</summary>
    public PodLabelSelector? Selector { get; set; }

    /// <summary>The services whose pods the policy applies to. sectionName names one of a service's ports.</summary>
    [Items(1, 16)]
    [ValidationRule("self.all(t, t.kind == 'Service')", "a target must be a Service")]
    public List<PolicyTargetReference>? TargetRefs { get; set; }

    /// <summary>What the limits are for: each proxy alone, or all the pods of the policy together. Together, each of n ready pods has the
    /// nth part, so a burst must be at least n, and requests must come to the pods evenly, as they do by default. A pod that starts has
    /// its part of the burst. Requests in plaintext and over mutual TLS are counted together for all pods, and apart for each
    /// proxy.</summary>
    [DefaultValue(RateLimitDefaults.Scope)]
    public RateLimitScope Scope { get; set; } = RateLimitDefaults.Scope;

    /// <summary>The limits. A request must be within every limit that matches it.</summary>
    [Items(1, 16)]
    public List<RequestLimit>? Limits { get; set; }

    /// <summary>How many requests the application in each pod handles at once. Others wait in its proxy.</summary>
    public ConcurrencyLimit? Queue { get; set; }
}

/// <summary>A queue in front of an application that can handle few requests at once. A request that finds it full is answered with status
/// 503 and Retry-After. It has not begun, so a RetryPolicy of the caller tries another pod, whatever the method.</summary>
public sealed class ConcurrencyLimit
{
    /// <summary>Requests that the application handles at once. Each worker thread of the proxy may have one of them, so with fewer than the
    /// proxy has threads, set the annotation meshoperator.io/proxy-concurrency.</summary>
    [Required]
    [RangeMinimum(1)]
    [RangeMaximum(1000000)]
    public int Running { get; set; }

    /// <summary>Requests that wait until one of those has ended, the oldest first. At least as many as running may wait. A request waits as
    /// long as its caller does: set timeouts.firstByte or a deadline there.</summary>
    [DefaultValue(RateLimitDefaults.Waiting)]
    [RangeMinimum(0)]
    [RangeMaximum(1000000)]
    public int Waiting { get; set; } = RateLimitDefaults.Waiting;
}

/// <summary>How many requests a pod accepts.</summary>
[ValidationRule(
    "!has(self.cost) || !has(self.cost.requests) || self.cost.requests <= (has(self.burst) ? self.burst : self.requests)",
    "cost.requests is more than the burst, so no request would be accepted; lower it or raise burst"
)]
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

    /// <summary>What makes clients different, so that each has the whole limit for itself. If omitted, all clients together have it. A
    /// proxy counts 10000 clients of a limit at a time; beyond, the one that was silent for longest is forgotten.</summary>
    public RateLimitClient? Per { get; set; }

    /// <summary>How much of the limit a request uses. If omitted, each counts as 1.</summary>
    public RateLimitCost? Cost { get; set; }
}

/// <summary>What a limit is for.</summary>
public enum RateLimitScope
{
    /// <summary>Each proxy has the whole limit.</summary>
    Proxy,

    /// <summary>All ready pods of the policy share the limit.</summary>
    Service,
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
    [AllowNull]
    public List<ValueMatch> Headers
    {
        get;
        set => field = value ?? [];
    } = [];
}

/// <summary>By what clients are known.</summary>
[ValidationRule("has(self.header) != has(self.identity)", "set exactly one of header and identity")]
public sealed class RateLimitClient
{
    /// <summary>The identity that mutual TLS has verified.</summary>
    public const string ServiceAccount = "serviceAccount";

    /// <summary>A request header, for example x-api-key. Requests without it are one client. A client that writes what it likes into the
    /// header has a new limit each time, so name one that something checks before.</summary>
    [Length(1, 256)]
    [Pattern(RateLimitCost.HeaderPattern)]
    public string? Header { get; set; }

    /// <summary>serviceAccount: the service account of the caller, as its certificate of mutual TLS says. It cannot be forged. Requests in
    /// plaintext are one client.</summary>
    [EnumValues(ServiceAccount)]
    public string? Identity { get; set; }
}

/// <summary>What a request costs.</summary>
public sealed class RateLimitCost
{
    /// <summary>The schema's pattern of headers whose value a proxy reads. Some characters of names have a meaning there.</summary>
    public const string HeaderPattern = "^[A-Za-z0-9_-]+$";

    /// <summary>As how many requests it counts.</summary>
    [DefaultValue(RateLimitDefaults.Cost)]
    [RangeMinimum(1)]
    [RangeMaximum(1000000000)]
    public int Requests { get; set; } = RateLimitDefaults.Cost;

    /// <summary>A request header with a whole number from 1 to 999999999, for example x-tokens, that says as how many requests it counts.
    /// Without it, or with something else in it, the request counts as requests.</summary>
    [Length(1, 256)]
    [Pattern(HeaderPattern)]
    public string? Header { get; set; }
}
