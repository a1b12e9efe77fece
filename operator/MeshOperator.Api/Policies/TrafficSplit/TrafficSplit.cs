using System.Diagnostics.CodeAnalysis;
using k8s.Models;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Api.Policies;

/// <summary>TrafficSplit splits the traffic of a service between backends by weight, and for HTTP also by request attributes.</summary>
[KubernetesEntity(Group = MeshNames.Group, ApiVersion = MeshNames.Version, Kind = "TrafficSplit", PluralName = "trafficsplits")]
[KubernetesEntityShortNames("ts")]
[KubernetesEntityCategories("meshpolicies", "mesh")]
[AdditionalPrinterColumn(".spec.service", "Service", Order = 1, Description = "The service whose traffic is split.")]
[AdditionalPrinterColumn(".status.split", "Split", Order = 2, Description = "The shares of the backends.")]
[AdditionalPrinterColumn(".status.shifts[0].progress", "Shift", Order = 3, Description = "How far the gradual shift is.")]
public sealed class TrafficSplit : MeshPolicy<TrafficSplitSpec, TrafficSplitStatus>
{
    /// <inheritdoc/>
    public override PolicyStatus Complete(PolicyStatus status)
    {
        ArgumentNullException.ThrowIfNull(status);
        return Spec is null || TrafficSplitShares.Describe(Spec) is not { } shares
            ? status
            : new TrafficSplitStatus
            {
                ObservedGeneration = status.ObservedGeneration,
                Conditions = status.Conditions,
                Proxies = status.Proxies,
                Split = shares,
            };
    }
}

/// <summary>The service whose traffic is split, and how. Either backends or rules are set.</summary>
[ValidationRule("has(self.backends) != has(self.rules)", "set exactly one of spec.backends and spec.rules")]
[ValidationRule(
    "!has(self.shift) || has(self.backends)",
    "spec.shift is for spec.backends; of a split with rules, set the shift of a rule: spec.rules[].shift"
)]
public sealed class TrafficSplitSpec
{
    /// <summary>The service that clients call, in the same namespace.</summary>
    [Required]
    [Length(1, ServiceNames.Longest)]
    [Pattern(ServiceNames.Pattern)]
    public string Service { get; set; } = string.Empty;

    /// <summary>The service's port that the split applies to. If omitted, all of its ports that at least one backend has.</summary>
    [RangeMinimum(1)]
    [RangeMaximum(65535)]
    public int? Port { get; set; }

    /// <summary>Where all traffic goes, by weight.</summary>
    [Items(1, 16)]
    [ValidationRule("self.exists(b, !has(b.weight) || b.weight > 0)", "all weights are 0; set a weight above 0 for at least one backend")]
    public List<TrafficSplitBackend>? Backends { get; set; }

    /// <summary>Shifts the traffic gradually to one of the backends.</summary>
    public GradualShift? Shift { get; set; }

    /// <summary>Where HTTP traffic goes, by request attributes. The most specific match takes precedence, as in the Gateway API. Requests
    /// that match no rule go to the service itself.</summary>
    [Items(1, 16)]
    public List<TrafficSplitRule>? Rules { get; set; }

    /// <summary>What happens to the share of a backend that does not exist.</summary>
    [DefaultValue(TrafficSplitDefaults.OnMissingBackend)]
    public OnMissingBackend OnMissingBackend { get; set; } = TrafficSplitDefaults.OnMissingBackend;
}

/// <summary>What happens to the share of a backend that does not exist.</summary>
public enum OnMissingBackend
{
    /// <summary>It is answered with status 500.</summary>
    Fail,

    /// <summary>It goes to the other backends by their weights.</summary>
    Redistribute,
}

/// <summary>A service that gets a share of the traffic.</summary>
public sealed class TrafficSplitBackend
{
    /// <summary>The service, in the same namespace. Its own TrafficSplits do not apply.</summary>
    [Required]
    [Length(1, ServiceNames.Longest)]
    [Pattern(ServiceNames.Pattern)]
    public string Service { get; set; } = string.Empty;

    /// <summary>The backend's port. If omitted, the one with the number, or else the name, of the port that was called. If the split is for
    /// a single port, also the backend's only port.</summary>
    [RangeMinimum(1)]
    [RangeMaximum(65535)]
    public int? Port { get; set; }

    /// <summary>The backend's share, relative to the sum of the weights. 0 means none. If omitted, 1. During a gradual shift, its share of
    /// what the target does not get.</summary>
    [RangeMinimum(0)]
    [RangeMaximum(1000000)]
    public int? Weight { get; set; }
}

/// <summary>What happens to the requests that match.</summary>
public sealed class TrafficSplitRule
{
    /// <summary>A name that other policies can refer to.</summary>
    [Length(1, 63)]
    [Pattern("^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")]
    public string? Name { get; set; }

    /// <summary>The requests that the rule applies to: those that at least one of these matches. If omitted, all.</summary>
    [Items(0, 16)]
    [AllowNull]
    public List<HttpRequestMatch> Matches
    {
        get;
        set => field = value ?? [];
    } = [];

    /// <summary>Where the requests go, by weight.</summary>
    [Required]
    [Items(1, 16)]
    [ValidationRule("self.exists(b, !has(b.weight) || b.weight > 0)", "all weights are 0; set a weight above 0 for at least one backend")]
    public List<TrafficSplitBackend> Backends { get; set; } = [];

    /// <summary>Shifts the rule's traffic gradually to one of its backends.</summary>
    public GradualShift? Shift { get; set; }

    /// <summary>A service that receives a copy of the requests. Its responses are ignored.</summary>
    public RequestMirror? Mirror { get; set; }

    /// <summary>Keeps the requests of one client at one endpoint.</summary>
    public StickySessions? Sticky { get; set; }

    /// <summary>How long a request may take.</summary>
    public RouteTimeouts? Timeouts { get; set; }

    /// <summary>Delays and errors to inject, to test how callers cope with them.</summary>
    public Fault? Fault { get; set; }

    /// <summary>Changes to the requests' headers.</summary>
    public HeaderFilter? Headers { get; set; }
}
