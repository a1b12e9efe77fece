using System.Diagnostics.CodeAnalysis;
using k8s.Models;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Api.Policies;

/// <summary>RetryPolicy sets when callers' proxies retry a request, and how long they wait.</summary>
[KubernetesEntity(Group = MeshNames.Group, ApiVersion = MeshNames.Version, Kind = "RetryPolicy", PluralName = "retrypolicies")]
[KubernetesEntityShortNames("rp")]
[KubernetesEntityCategories("meshpolicies", "mesh")]
[DefinitionLabel(GatewayApi.PolicyLabel, GatewayApi.DirectPolicy)]
[AdditionalPrinterColumn(".spec.targetRefs[0].name", "Target", Order = 1, Description = "The first target.")]
[AdditionalPrinterColumn(".spec.attempts", "Attempts", "integer", Order = 2, Description = "Retries after the first attempt.")]
[AdditionalPrinterColumn(".spec.perTryTimeout", "Per Try", Order = 3, Priority = 1, Description = "Timeout of each attempt.")]
public sealed class RetryPolicy : MeshPolicy<RetryPolicySpec, PolicyStatus>;

/// <summary>When requests are retried. A failed connection is retried for any method, an error response only for the methods
/// listed.</summary>
public sealed class RetryPolicySpec
{
    /// <summary>What the policy applies to. The policy with the most specific target takes precedence: a split's rule, then a split, then a
    /// service's port, then a service.</summary>
    [Required]
    [Items(1, 16)]
    public List<PolicyTargetReference> TargetRefs { get; set; } = [];

    /// <summary>The number of retries after the first attempt. 0 disables retries.</summary>
    [DefaultValue(RetryPolicyDefaults.Attempts)]
    [RangeMinimum(0)]
    [RangeMaximum(10)]
    public int Attempts { get; set; } = RetryPolicyDefaults.Attempts;

    /// <summary>How long each attempt may take until its response begins, at most timeouts.request. A response that has begun is not cut,
    /// so it does not bound streams. If omitted, only timeouts apply.</summary>
    [Duration]
    public string? PerTryTimeout { get; set; }

    /// <summary>The failures on which a request is retried. If omitted: ConnectFailure, RefusedStream, Reset (for the methods listed) and
    /// Unavailable. With perTryTimeout also GatewayError, because an attempt that times out counts as one.</summary>
    [ListSet]
    [Items(1, 16)]
    public List<RetryCondition>? RetryOn { get; set; }

    /// <summary>Additional status codes on which requests with the methods listed are retried.</summary>
    [ListSet]
    [Items(0, 32)]
    [RangeMinimum(100)]
    [RangeMaximum(599)]
    [AllowNull]
    public List<int> RetriableStatusCodes
    {
        get;
        set => field = value ?? [];
    } = [];

    /// <summary>Methods whose requests are retried after an error response. If omitted, the idempotent ones: GET, HEAD, OPTIONS, TRACE, PUT
    /// and DELETE. A failed connection is retried for any method. gRPC calls are POST.</summary>
    [ListSet]
    [Items(1, 9)]
    [EnumValues("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")]
    public List<string>? Methods { get; set; }

    /// <summary>The pauses before retries. They grow exponentially, with jitter.</summary>
    public RetryBackoff? Backoff { get; set; }

    /// <summary>Whether the server's Retry-After is honoured.</summary>
    [DefaultValue(true)]
    public bool RespectRetryAfter { get; set; } = true;

    /// <summary>Whether a retry prefers an endpoint that has not been tried yet.</summary>
    [DefaultValue(true)]
    public bool AvoidPreviousHosts { get; set; } = true;

    /// <summary>How much of a request's body a proxy keeps in memory for another attempt. A larger request is sent once.</summary>
    [DefaultValue(RetryPolicyDefaults.MaxRequestBody)]
    [Pattern(ByteQuantity.Pattern)]
    public string MaxRequestBody { get; set; } = RetryPolicyDefaults.MaxRequestBody;

    /// <summary>A limit on the retries in flight, so that retries cannot make an overload worse.</summary>
    public RetryBudgetSpec? Budget { get; set; }

    /// <summary>How long requests and connections may take.</summary>
    public RetryTimeouts? Timeouts { get; set; }
}

/// <summary>A failure on which a request is retried.</summary>
public enum RetryCondition
{
    /// <summary>No connection could be made. Any method.</summary>
    ConnectFailure,

    /// <summary>The server refused the stream before handling it. Any method.</summary>
    RefusedStream,

    /// <summary>The connection was lost before the request was sent. Any method.</summary>
    ResetBeforeRequest,

    /// <summary>The connection was lost or timed out before a response.</summary>
    Reset,

    /// <summary>Status 502, 503 or 504.</summary>
    GatewayError,

    /// <summary>Any 5xx status, or no response.</summary>
    ServerError,

    /// <summary>Status 409.</summary>
    Conflict,

    /// <summary>gRPC status CANCELLED.</summary>
    Cancelled,

    /// <summary>gRPC status DEADLINE_EXCEEDED.</summary>
    DeadlineExceeded,

    /// <summary>gRPC status INTERNAL.</summary>
    Internal,

    /// <summary>gRPC status RESOURCE_EXHAUSTED.</summary>
    ResourceExhausted,

    /// <summary>gRPC status UNAVAILABLE.</summary>
    Unavailable,
}

/// <summary>Pauses before retries.</summary>
public sealed class RetryBackoff
{
    /// <summary>The first pause.</summary>
    [DefaultValue(RetryPolicyDefaults.BackoffBase)]
    [Duration]
    public string Base { get; set; } = RetryPolicyDefaults.BackoffBase;

    /// <summary>The longest pause. If omitted, ten times the first one.</summary>
    [Duration]
    public string? Max { get; set; }
}

/// <summary>Limits the retries in flight from one proxy to one service.</summary>
public sealed class RetryBudgetSpec
{
    /// <summary>Maximum number of retries in flight, in percent of the requests in flight.</summary>
    [DefaultValue(RetryPolicyDefaults.BudgetPercent)]
    [RangeMinimum(0)]
    [RangeMaximum(100)]
    public double Percent { get; set; } = RetryPolicyDefaults.BudgetPercent;

    /// <summary>Retries in flight that are always allowed. Retries that wait for their pause count too.</summary>
    [DefaultValue(RetryPolicyDefaults.BudgetMinConcurrency)]
    [RangeMinimum(0)]
    [RangeMaximum(1000000)]
    public int MinConcurrency { get; set; } = RetryPolicyDefaults.BudgetMinConcurrency;
}

/// <summary>How long requests and connections may take.</summary>
public sealed class RetryTimeouts
{
    /// <summary>Timeout of the whole request with all its retries, to the end of the response. It cuts streams that last longer. 0s means
    /// no limit.</summary>
    [Duration]
    public string? Request { get; set; }

    /// <summary>Timeout of each attempt until its response begins; streams may last longer. If there is a perTryTimeout too, the shorter
    /// one applies. 0s means no limit.</summary>
    [Duration]
    public string? FirstByte { get; set; }

    /// <summary>Timeout for connecting. If omitted, 5s.</summary>
    [Duration]
    public string? Connect { get; set; }

    /// <summary>Timeout of a connection that carries no requests.</summary>
    [Duration]
    public string? Idle { get; set; }
}
