using k8s.Models;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Api.Policies;

/// <summary>RetryPolicy says when the proxies of callers try a request again, and how long they wait.</summary>
[KubernetesEntity(Group = MeshNames.Group, ApiVersion = MeshNames.Version, Kind = "RetryPolicy", PluralName = "retrypolicies")]
[KubernetesEntityShortNames("rp")]
[KubernetesEntityCategories("meshpolicies", "mesh")]
[AdditionalPrinterColumn(".spec.targetRefs[0].name", "Target", Order = 1, Description = "The first target.")]
[AdditionalPrinterColumn(".spec.attempts", "Attempts", "integer", Order = 2, Description = "Retries beyond the first attempt.")]
[AdditionalPrinterColumn(".spec.perTryTimeout", "Per Try", Order = 3, Priority = 1, Description = "Time-out of each attempt.")]
[AdditionalPrinterColumn(".status.conditions[?(@.type==\"Accepted\")].status", "Accepted", Order = 10)]
[AdditionalPrinterColumn(".status.conditions[?(@.type==\"Programmed\")].status", "Programmed", Order = 11)]
[AdditionalPrinterColumn(".status.proxies.summary", "Proxies", Order = 12, Description = "Proxies that acknowledged, of those it applies to.")]
[AdditionalPrinterColumn(".status.conditions[?(@.type==\"ResolvedRefs\")].status", "Resolved", Order = 13, Priority = 1)]
[AdditionalPrinterColumn(".metadata.creationTimestamp", "Age", "date", Order = 20)]
public sealed class RetryPolicy : CustomKubernetesEntity<RetryPolicySpec, PolicyStatus>;

/// <summary>When requests are tried again. A failed connection is retried for any method; an answer only for the methods given.</summary>
public sealed class RetryPolicySpec
{
    /// <summary>What the policy applies to. Of several policies the one on the more specific target wins: a split's rule, a split,
    /// a service's port, a service.</summary>
    [Required]
    [Items(1, 16)]
    public List<PolicyTargetReference> TargetRefs { get; set; } = [];

    /// <summary>Retries beyond the first attempt; 0 turns retries off.</summary>
    [DefaultValue(RetryPolicyDefaults.Attempts)]
    [RangeMinimum(0)]
    [RangeMaximum(10)]
    public int Attempts { get; set; } = RetryPolicyDefaults.Attempts;

    /// <summary>How long each attempt may take, at most timeouts.request; left out, only that time-out counts.</summary>
    [Duration]
    public string? PerTryTimeout { get; set; }

    /// <summary>On what a request is retried; left out: ConnectFailure, RefusedStream, Reset (of the methods given) and Unavailable, and with
    /// perTryTimeout also GatewayError, as which a try counts that takes too long.</summary>
    [ListSet]
    [Items(1, 16)]
    public List<RetryCondition>? RetryOn { get; set; }

    /// <summary>Further status codes on which requests of the methods given are retried.</summary>
    [ListSet]
    [Items(0, 32)]
    [RangeMinimum(100)]
    [RangeMaximum(599)]
    public List<int>? RetriableStatusCodes { get; set; }

    /// <summary>Methods whose requests are retried for what was answered; left out, the idempotent ones: GET, HEAD, OPTIONS, TRACE,
    /// PUT, DELETE. A failed connection is retried for any method. gRPC's calls are POST.</summary>
    [ListSet]
    [Items(1, 9)]
    [EnumValues("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")]
    public List<string>? Methods { get; set; }

    /// <summary>The pauses before retries, which grow exponentially with jitter.</summary>
    public RetryBackoff? Backoff { get; set; }

    /// <summary>Whether a Retry-After of the server is honoured.</summary>
    [DefaultValue(true)]
    public bool RespectRetryAfter { get; set; } = true;

    /// <summary>Whether a retry goes to an endpoint that was not tried before, if there is one.</summary>
    [DefaultValue(true)]
    public bool AvoidPreviousHosts { get; set; } = true;

    /// <summary>A bound on the retries under way, so that they cannot multiply an overload.</summary>
    public RetryBudgetSpec? Budget { get; set; }

    /// <summary>How long requests and connections may take.</summary>
    public RetryTimeouts? Timeouts { get; set; }
}

/// <summary>On what a request is retried.</summary>
public enum RetryCondition
{
    /// <summary>No connection could be made; any method.</summary>
    ConnectFailure,

    /// <summary>The server refused the stream before handling it; any method.</summary>
    RefusedStream,

    /// <summary>The connection was lost before the request was sent; any method.</summary>
    ResetBeforeRequest,

    /// <summary>The connection was lost or timed out before an answer.</summary>
    Reset,

    /// <summary>Status 502, 503 or 504.</summary>
    GatewayError,

    /// <summary>Any 5xx status, or no answer.</summary>
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

    /// <summary>The longest pause; left out, ten times the first one.</summary>
    [Duration]
    public string? Max { get; set; }
}

/// <summary>Bounds the retries under way from one proxy to one service.</summary>
public sealed class RetryBudgetSpec
{
    /// <summary>In per cent of the requests in flight.</summary>
    [DefaultValue(RetryPolicyDefaults.BudgetPercent)]
    [RangeMinimum(0)]
    [RangeMaximum(100)]
    public double Percent { get; set; } = RetryPolicyDefaults.BudgetPercent;

    /// <summary>Retries in flight that are always allowed, those that wait for their pause among them.</summary>
    [DefaultValue(RetryPolicyDefaults.BudgetMinConcurrency)]
    [RangeMinimum(0)]
    [RangeMaximum(1000000)]
    public int MinConcurrency { get; set; } = RetryPolicyDefaults.BudgetMinConcurrency;
}

/// <summary>How long requests and connections may take.</summary>
public sealed class RetryTimeouts
{
    /// <summary>For the whole request with all its retries; 0s means no limit.</summary>
    [Duration]
    public string? Request { get; set; }

    /// <summary>For making a connection; left out, 5s.</summary>
    [Duration]
    public string? Connect { get; set; }

    /// <summary>For a connection on which no requests are made.</summary>
    [Duration]
    public string? Idle { get; set; }
}
