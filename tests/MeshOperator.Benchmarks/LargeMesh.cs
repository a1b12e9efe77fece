using System.Collections.Immutable;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Benchmarks;

/// <summary>A cluster as one finds them: namespaces of 50 services, each service with its own workload of meshed pods behind two ports,
/// every tenth service split between the two after it and retried, and each namespace strict.</summary>
internal static class LargeMesh
{
    private const int ServicesOfNamespace = 50;

    /// <summary>The split whose weight benchmarks change.</summary>
    public static ObjectName SomeSplit => Name(0);

    /// <summary>The slice of which benchmarks change an endpoint.</summary>
    public static ObjectName SomeSlice => Name(1);

    /// <summary>The cluster.</summary>
    public static ClusterSnapshot Snapshot(int services, int endpoints)
    {
        var numbers = Enumerable.Range(0, services).ToList();
        var split = numbers.Where(i => i % 10 == 0).ToList();
        return ClusterSnapshot.Empty with
        {
            Services = numbers.ToImmutableDictionary(
                Name,
                i => new ServiceRecord(
                    [$"10.96.{i / 250}.{i % 250}"],
                    [new ServicePortRecord("http", 80, null), new ServicePortRecord("grpc", 9000, null)],
                    IsExternalName: false
                )
            ),
            EndpointSlices = numbers.ToImmutableDictionary(Name, i => Slice(i, endpoints)),
            Pods = numbers
                .SelectMany(i => Enumerable.Range(0, endpoints).Select(e => (Service: i, Endpoint: e)))
                .ToImmutableDictionary(
                    pod => new ObjectName(Name(pod.Service).Namespace, Pod(pod.Service, pod.Endpoint)),
                    pod => new PodRecord($"app-{pod.Service}", HasProxy: true, [KeyValuePair.Create("app", $"app-{pod.Service}")])
                ),
            Policies = Policies(numbers, split),
        };
    }

    /// <summary>The same cluster with another weight in one split.</summary>
    public static ClusterSnapshot WithWeight(ClusterSnapshot snapshot, int weight) =>
        snapshot with
        {
            Policies = snapshot.Policies.With(PolicyKinds.TrafficSplit, SomeSplit, Policy(Split(0, weight)) with { Generation = weight }),
        };

    /// <summary>The same cluster with one endpoint that is ready or not.</summary>
    public static ClusterSnapshot WithReadiness(ClusterSnapshot snapshot, bool isReady)
    {
        var slice = snapshot.EndpointSlices[SomeSlice];
        return snapshot with
        {
            EndpointSlices = snapshot.EndpointSlices.SetItem(
                SomeSlice,
                slice with
                {
                    Endpoints = [slice.Endpoints[0] with { IsReady = isReady }, .. slice.Endpoints.Skip(1)],
                }
            ),
        };
    }

    /// <summary>The same cluster with a policy of who may call the pods of one service.</summary>
    public static ClusterSnapshot WithAccess(ClusterSnapshot snapshot, string account) =>
        snapshot with
        {
            Policies = snapshot.Policies.With(
                PolicyKinds.MtlsPolicy,
                new ObjectName(SomeSplit.Namespace, "access"),
                Policy(
                    new MtlsPolicySpec
                    {
                        Selector = new PodLabelSelector { MatchLabels = new() { ["app"] = "app-7" } },
                        Allow = [new Api.Policies.AccessRule { ServiceAccounts = [account] }],
                    }
                )
            ),
        };

    /// <summary>The same cluster with one pod of another service account.</summary>
    public static ClusterSnapshot WithPod(ClusterSnapshot snapshot, string account)
    {
        var name = new ObjectName(SomeSlice.Namespace, Pod(1, 0));
        return snapshot with { Pods = snapshot.Pods.SetItem(name, snapshot.Pods[name] with { ServiceAccount = account }) };
    }

    /// <summary>The same cluster with one namespace that is permissive or strict.</summary>
    public static ClusterSnapshot WithMode(ClusterSnapshot snapshot, bool isStrict) =>
        snapshot with
        {
            Policies = snapshot.Policies.With(
                PolicyKinds.MtlsPolicy,
                new ObjectName(SomeSplit.Namespace, "default"),
                Policy(new MtlsPolicySpec { Mode = isStrict ? MtlsPolicyMode.Strict : MtlsPolicyMode.Permissive })
            ),
        };

    /// <summary>A split and retries for some services, and a mode for each namespace.</summary>
    private static PolicySet Policies(List<int> services, List<int> split)
    {
        var policies = PolicySet.Empty;
        foreach (var i in split)
        {
            policies = policies
                .With(PolicyKinds.TrafficSplit, Name(i), Policy(Split(i, 10)))
                .With(
                    PolicyKinds.RetryPolicy,
                    Name(i),
                    Policy(
                        new RetryPolicySpec
                        {
                            TargetRefs = [new PolicyTargetReference { Kind = PolicyTargetKind.Service, Name = Name(i).Name }],
                            RetryOn = [RetryCondition.ConnectFailure, RetryCondition.GatewayError],
                        }
                    )
                );
        }

        return services
            .Select(i => new ObjectName(Name(i).Namespace, "default"))
            .Distinct()
            .Aggregate(policies, (all, name) => all.With(PolicyKinds.MtlsPolicy, name, Policy(new MtlsPolicySpec())));
    }

    private static ObjectName Name(int service) => new($"team-{service / ServicesOfNamespace}", $"service-{service}");

    private static string Pod(int service, int endpoint) => $"app-{service}-{endpoint}";

    private static EndpointSliceRecord Slice(int service, int endpoints) =>
        new(
            Name(service).Name,
            [new SlicePort("http", 8080), new SlicePort("grpc", 9000)],
            Enumerable
                .Range(0, endpoints)
                .Select(e => new EndpointRecord(
                    [$"10.{service / 250}.{service % 250}.{e + 1}"],
                    IsReady: true,
                    Pod(service, e),
                    e % 2 == 0 ? "zone-a" : "zone-b"
                ))
                .ToValueList()
        );

    private static TrafficSplitSpec Split(int service, int weight) =>
        new()
        {
            Service = Name(service).Name,
            Backends =
            [
                new TrafficSplitBackend { Service = Name(service + 1).Name, Weight = 100 - weight },
                new TrafficSplitBackend { Service = Name(service + 2).Name, Weight = weight },
            ],
        };

    private static PolicyRecord<TSpec> Policy<TSpec>(TSpec spec)
        where TSpec : class => new("uid", 1, DateTimeOffset.UnixEpoch, spec, null);
}
