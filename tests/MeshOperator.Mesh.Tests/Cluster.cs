using MeshOperator.Api.Policies;
using MeshOperator.Kubernetes.Entities;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation;
using MeshOperator.Mesh.Verdicts;

namespace MeshOperator.Mesh.Tests;

/// <summary>A small cluster to translate: services of namespace <c>shop</c> with one pod each.</summary>
internal sealed class Cluster
{
    private ClusterSnapshot _snapshot = ClusterSnapshot.Empty;
    private int _pods;

    public static Cluster Create(params string[] services)
    {
        var cluster = new Cluster();
        foreach (var service in services)
            cluster.Service(service);
        return cluster;
    }

    public Cluster Service(
        string name,
        string portName = "http",
        int port = 80,
        string? appProtocol = null,
        bool meshed = true,
        bool ready = true
    )
    {
        var address = $"10.0.0.{++_pods}";
        _snapshot = _snapshot with
        {
            Services = _snapshot.Services.Add(
                new ObjectName("shop", name),
                new ServiceRecord([$"10.96.0.{_pods}"], [new ServicePortRecord(portName, port, appProtocol)], false)
            ),
            EndpointSlices = _snapshot.EndpointSlices.Add(
                new ObjectName("shop", $"{name}-1"),
                new EndpointSliceRecord(name, [new SlicePort(portName, 8080)], [new EndpointRecord([address], ready, $"{name}-0", null)])
            ),
            Pods = _snapshot.Pods.Add(
                new ObjectName("shop", $"{name}-0"),
                new PodRecord($"{name}-account", meshed, [KeyValuePair.Create("app", name)]) { CanShareLimits = true }
            ),
        };
        return this;
    }

    /// <summary>Gives a service these ports; its pod serves each at 1000 more.</summary>
    public Cluster Ports(string service, params (string Name, int Port)[] ports)
    {
        var name = new ObjectName("shop", service);
        var slice = new ObjectName("shop", $"{service}-1");
        _snapshot = _snapshot with
        {
            Services = _snapshot.Services.SetItem(
                name,
                _snapshot.Services[name] with
                {
                    Ports = ports.Select(p => new ServicePortRecord(p.Name, p.Port, null)).ToValueList(),
                }
            ),
            EndpointSlices = _snapshot.EndpointSlices.SetItem(
                slice,
                _snapshot.EndpointSlices[slice] with
                {
                    Ports = ports.Select(p => new SlicePort(p.Name, p.Port + 1000)).ToValueList(),
                }
            ),
        };
        return this;
    }

    public Cluster Split(string name, TrafficSplitSpec spec, int created = 0, string? refusal = null) =>
        Policy(PolicyKinds.TrafficSplit, new ObjectName("shop", name), Record(spec, created, refusal));

    public Cluster Retry(string name, RetryPolicySpec spec, int created = 0) =>
        Policy(PolicyKinds.RetryPolicy, new ObjectName("shop", name), Record(spec, created, null));

    public Cluster Mtls(string name, MtlsPolicySpec spec, int created = 0, string ns = "shop") =>
        Policy(PolicyKinds.MtlsPolicy, new ObjectName(ns, name), Record(spec, created, null));

    public Cluster Breaker(string name, CircuitBreakerSpec spec, int created = 0) =>
        Policy(PolicyKinds.CircuitBreaker, new ObjectName("shop", name), Record(spec, created, null));

    public Cluster Balancing(string name, LoadBalancingPolicySpec spec, int created = 0) =>
        Policy(PolicyKinds.LoadBalancingPolicy, new ObjectName("shop", name), Record(spec, created, null));

    public Cluster Limit(string name, RateLimitSpec spec, int created = 0) =>
        Policy(PolicyKinds.RateLimit, new ObjectName("shop", name), Record(spec, created, null));

    public static PolicyTargetReference To(string service, string? port = null) =>
        new()
        {
            Kind = PolicyTargetKind.Service,
            Name = service,
            SectionName = port,
        };

    public Cluster With(Func<ClusterSnapshot, ClusterSnapshot> change)
    {
        _snapshot = change(_snapshot);
        return this;
    }

    public TranslationResult Translate() => Translator.Translate(_snapshot);

    public static TrafficSplitBackend Backend(string service, int weight = TrafficSplitDefaults.Weight, int? port = null) =>
        new()
        {
            Service = service,
            Weight = weight,
            Port = port,
        };

    private Cluster Policy<TPolicy, TSpec>(PolicyKind<TPolicy, TSpec> kind, ObjectName name, PolicyRecord<TSpec> record)
        where TPolicy : CustomKubernetesEntity, IMeshPolicy<TSpec>, new()
        where TSpec : class, new() => With(snapshot => snapshot with { Policies = snapshot.Policies.With(kind, name, record) });

    private static PolicyRecord<T> Record<T>(T spec, int created, string? refusal)
        where T : class => new($"uid-{created}", 1, DateTimeOffset.UnixEpoch.AddSeconds(created), spec, refusal);
}

internal static class TranslationResultExtensions
{
    public static MeshServicePort Port(this TranslationResult result, string service) =>
        result.Model.Services[new ServiceName("shop", service)].Ports[0];

    public static MeshServicePort Port(this TranslationResult result, string service, int port) =>
        result.Model.Services[new ServiceName("shop", service)].Ports.Single(p => p.Port == port);

    public static MeshWorkload Workload(this TranslationResult result, string service) =>
        result.Model.Workloads[new WorkloadName("shop", $"{service}-0")];

    public static PolicyVerdict Verdict(this TranslationResult result, string kind, string name, string ns = "shop") =>
        result.Verdicts[new PolicyKey(kind, ns, name)];

    public static string Backends(this HttpRoute route) =>
        string.Join(", ", route.Backends.Select(b => $"{b.Target?.Service.Name ?? "missing"}:{b.Weight}"));
}
