using k8s.Models;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Api.Policies;

/// <summary>LoadBalancingPolicy chooses which endpoint of a service gets a request.</summary>
[KubernetesEntity(
    Group = MeshNames.Group,
    ApiVersion = MeshNames.Version,
    Kind = "LoadBalancingPolicy",
    PluralName = "loadbalancingpolicies"
)]
[KubernetesEntityShortNames("lbp")]
[KubernetesEntityCategories("meshpolicies", "mesh")]
[DefinitionLabel(GatewayApi.PolicyLabel, GatewayApi.DirectPolicy)]
[AdditionalPrinterColumn(".spec.targetRefs[0].name", "Target", Order = 1, Description = "The first target.")]
[AdditionalPrinterColumn(".spec.method", "Method", Order = 2, Description = "How an endpoint is chosen.")]
public sealed class LoadBalancingPolicy : MeshPolicy<LoadBalancingPolicySpec, PolicyStatus>;

/// <summary>How each calling proxy chooses among the endpoints of the targets.</summary>
[ValidationRule("(has(self.method) && self.method == 'Hash') == has(self.hash)", "hash belongs to the method Hash; set both or neither")]
[ValidationRule(
    "!has(self.utilization) || (has(self.method) && self.method == 'Utilization')",
    "utilization is for the method Utilization only; set that method, or remove utilization"
)]
[ValidationRule(
    "!has(self.slowStart) || !has(self.method) || !(self.method in ['Random', 'Hash'])",
    "the methods Random and Hash have no slow start; remove slowStart, or use another method"
)]
[ValidationRule(
    "!has(self.endpointsPerCaller) || !has(self.method) || self.method != 'Hash'",
    "with the method Hash all callers choose among the same endpoints; remove endpointsPerCaller, or use another method"
)]
public sealed class LoadBalancingPolicySpec
{
    /// <summary>The services that the policy applies to. sectionName names one of a service's ports. The policy also applies to the
    /// backends of a service's traffic split that have no load balancing policy of their own.</summary>
    [Required]
    [Items(1, 16)]
    [ValidationRule("self.all(t, t.kind == 'Service')", "a target must be a Service")]
    public List<PolicyTargetReference> TargetRefs { get; set; } = [];

    /// <summary>How an endpoint is chosen.</summary>
    [DefaultValue(LoadBalancingPolicyDefaults.Method)]
    public LoadBalancingMethod Method { get; set; } = LoadBalancingPolicyDefaults.Method;

    /// <summary>What the method Hash goes by.</summary>
    public StickySessions? Hash { get; set; }

    /// <summary>How an endpoint that was added gets its share of the requests step by step. If omitted, it gets its whole share at
    /// once. For the methods LeastRequest, RoundRobin and Utilization.</summary>
    public SlowStartSpec? SlowStart { get; set; }

    /// <summary>If the share of endpoints that are not ejected falls below this, in percent, all endpoints are used. 0 means that ejected
    /// endpoints are never used. If omitted, 50, or what the maxEjectionPercent of a CircuitBreaker leaves if that is less; without a
    /// CircuitBreaker, the Service's own address takes the part of ejected endpoints below 50.</summary>
    [RangeMinimum(0)]
    [RangeMaximum(100)]
    public int? PanicThreshold { get; set; }

    /// <summary>How many of a target's endpoints each calling proxy uses, at least. Callers are in 128 parts by their names, and each
    /// part has other endpoints, such that each endpoint has about as many callers. It bounds connections, and what each proxy keeps,
    /// where many callers meet many endpoints. If omitted, each uses all.</summary>
    [RangeMinimum(LoadBalancingPolicyDefaults.MinEndpointsPerCaller)]
    [RangeMaximum(LoadBalancingPolicyDefaults.MaxEndpointsPerCaller)]
    public int? EndpointsPerCaller { get; set; }

    /// <summary>How the method Utilization reads load reports.</summary>
    public UtilizationSpec? Utilization { get; set; }
}

/// <summary>Ways to choose an endpoint.</summary>
public enum LoadBalancingMethod
{
    /// <summary>The endpoint with the fewest requests in flight. Of more than 64 endpoints, the better of two that are drawn at
    /// random.</summary>
    LeastRequest,

    /// <summary>One after the other.</summary>
    RoundRobin,

    /// <summary>Any.</summary>
    Random,

    /// <summary>The same one for requests with the same header, cookie or client address, by consistent hashing.</summary>
    Hash,

    /// <summary>By the utilization that endpoints report (ORCA): one that can do twice as much gets twice as many requests.</summary>
    Utilization,
}

/// <summary>How an endpoint that was added gets its share of the requests step by step.</summary>
public sealed class SlowStartSpec
{
    /// <summary>After what time an endpoint has its whole share.</summary>
    [Required]
    [Duration]
    public string Window { get; set; } = string.Empty;

    /// <summary>With what part of its share an endpoint begins, in percent.</summary>
    [DefaultValue(LoadBalancingPolicyDefaults.MinWeightPercent)]
    [RangeMinimum(1)]
    [RangeMaximum(100)]
    public int MinWeightPercent { get; set; } = LoadBalancingPolicyDefaults.MinWeightPercent;
}

/// <summary>How load reports are read. An endpoint's weight is its rate of requests divided by its utilization.</summary>
[ValidationRule(
    "!has(self.reportingPeriod) || !has(self.askForReports) || !self.askForReports",
    "reports come either with responses or by calls of their own; set askForReports or reportingPeriod, not both"
)]
public sealed class UtilizationSpec
{
    /// <summary>Which metrics of a report are the utilization, for example named_metrics.kv_cache_usage_perc; of several the highest. If
    /// omitted, or if a report has none of them, application_utilization, or else cpu_utilization.</summary>
    [Items(1, 16)]
    public List<string>? MetricNames { get; set; }

    /// <summary>How often the service xds.service.orca.v3.OpenRcaService of each endpoint is asked for a report, by proxyless gRPC clients,
    /// and by sidecars if no endpoint takes mutual TLS. If omitted, reports are read from responses.</summary>
    [Duration]
    public string? ReportingPeriod { get; set; }

    /// <summary>Asks servers for a report with each request (request header endpoint-load-metrics-format: text), for those that report only
    /// then and do not name their rate of requests, such as vLLM and Triton. All endpoints are taken to have the same rate, and the report
    /// is removed from responses.</summary>
    [DefaultValue(false)]
    public bool AskForReports { get; set; }

    /// <summary>How long an endpoint must have reported before its weight counts. Until then it has the median weight.</summary>
    [DefaultValue(LoadBalancingPolicyDefaults.BlackoutPeriod)]
    [Duration]
    public string BlackoutPeriod { get; set; } = LoadBalancingPolicyDefaults.BlackoutPeriod;

    /// <summary>After what time without a report an endpoint has the median weight again.</summary>
    [DefaultValue(LoadBalancingPolicyDefaults.ExpirationPeriod)]
    [Duration]
    public string ExpirationPeriod { get; set; } = LoadBalancingPolicyDefaults.ExpirationPeriod;
}
