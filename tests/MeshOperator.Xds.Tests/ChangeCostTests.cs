using System.Collections.Immutable;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Rollout;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Translation;
using Shouldly;

namespace MeshOperator.Xds.Tests;

/// <summary>What a change renews does not grow with the mesh around it.</summary>
public sealed class ChangeCostTests
{
    private const int Services = 40;
    private static readonly ObjectName Access = new("shop", "access");

    /// <summary>The kinds of change.</summary>
    public static TheoryData<string> Kinds => ["access", "endpoint", "pod", "weight"];

    [Fact]
    public void A_change_of_one_workloads_access_renews_its_inbound_resources_and_nothing_else()
    {
        var (mesh, envoy) = (new MeshTranslator(), new EnvoyTranslator());
        var snapshot = Change("access", Mesh(pods: 200), 0);
        var before = envoy.Translate(mesh.Translate(snapshot).Model);
        var after = envoy.Translate(mesh.Translate(Change("access", snapshot, 1)).Model);

        after.Shared.ShouldBeSameAs(before.Shared);
        after.ServicePorts.ShouldBeSameAs(before.ServicePorts);
        var made = after.Nodes.Where(node => !ReferenceEquals(node.Value, before.Nodes[node.Key])).Select(node => node.Key.Pod);
        made.ShouldBe(["pod-1"]);
        after.Profiles.Values.Count(own => !before.Profiles.Values.Contains(own)).ShouldBe(1);
        after.Profiles.Count.ShouldBe(before.Profiles.Count);
    }

    [Fact]
    public void A_change_of_an_endpoint_renews_one_resource()
    {
        var (mesh, envoy) = (new MeshTranslator(), new EnvoyTranslator());
        var snapshot = Change("endpoint", Mesh(pods: 200), 0);
        var before = envoy.Translate(mesh.Translate(snapshot).Model);
        var after = envoy.Translate(mesh.Translate(Change("endpoint", snapshot, 1)).Model);

        after.Nodes.ShouldBeSameAs(before.Nodes);
        foreach (var type in Enum.GetValues<ResourceType>().Where(type => type is not ResourceType.Endpoints))
            after.Shared[(int)type].ShouldBeSameAs(before.Shared[(int)type], type.ToString());
        var old = before.Shared[(int)ResourceType.Endpoints].Items.ToArray();
        after
            .Shared[(int)ResourceType.Endpoints]
            .Items.ToArray()
            .Except(old)
            .ShouldHaveSingleItem()
            .Name.ShouldBe("outbound/80/service-2.shop");
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void What_a_change_allocates_does_not_grow_with_the_pods_of_others(string kind)
    {
        var few = Allocate(kind, pods: 1_000);
        var many = Allocate(kind, pods: 10_000);
        ((double)many / few).ShouldBeLessThan(1.3, $"{few} bytes with 1,000 pods, {many} with 10,000");
    }

    /// <summary>The bytes that are allocated from the snapshot to what is served.</summary>
    private static long Allocate(string kind, int pods)
    {
        var (mesh, rollout, envoy) = (new MeshTranslator(), new ModeRollout(TimeProvider.System), new EnvoyTranslator());
        var snapshot = Mesh(pods);
        var least = long.MaxValue;
        for (var i = 0; i < 6; i++)
        {
            snapshot = Change(kind, snapshot, i);
            var before = GC.GetAllocatedBytesForCurrentThread();
            envoy.Translate(rollout.Apply(mesh.Translate(snapshot).Model, NoProgress.Instance));
            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        return least;
    }

    private static ClusterSnapshot Change(string kind, ClusterSnapshot mesh, int number)
    {
        var name = new ObjectName("shop", "service-2");
        switch (kind)
        {
            case "access":
                var spec = new MtlsPolicySpec
                {
                    Selector = new PodLabelSelector { MatchLabels = new() { ["pod"] = "pod-1" } },
                    Allow = [new Api.Policies.AccessRule { ServiceAccounts = [$"account-{number}"] }],
                };
                return mesh with { Policies = mesh.Policies.With(PolicyKinds.MtlsPolicy, Access, Policy(spec, number)) };
            case "endpoint":
                return mesh with { EndpointSlices = mesh.EndpointSlices.SetItem(name, Slice(2, isReady: number % 2 == 0)) };
            case "pod":
                var pod = new ObjectName("shop", "pod-2");
                return mesh with { Pods = mesh.Pods.SetItem(pod, mesh.Pods[pod] with { ServiceAccount = $"account-{number}" }) };
            default:
                var split = new TrafficSplitSpec
                {
                    Service = "service-0",
                    Backends =
                    [
                        new TrafficSplitBackend { Service = "service-1", Weight = 10 + number },
                        new TrafficSplitBackend { Service = "service-2", Weight = 10 },
                    ],
                };
                return mesh with { Policies = mesh.Policies.With(PolicyKinds.TrafficSplit, name, Policy(split, number)) };
        }
    }

    private static PolicyRecord<TSpec> Policy<TSpec>(TSpec spec, int generation)
        where TSpec : class => new("uid", generation, DateTimeOffset.UnixEpoch, spec, null);

    /// <summary>Services of two pods each, and further pods in the same namespace.</summary>
    private static ClusterSnapshot Mesh(int pods) =>
        ClusterSnapshot.Empty with
        {
            Services = Enumerable
                .Range(0, Services)
                .ToImmutableDictionary(
                    i => new ObjectName("shop", $"service-{i}"),
                    i => new ServiceRecord([$"10.96.0.{i}"], [new ServicePortRecord("http", 80, null)], IsExternalName: false)
                ),
            EndpointSlices = Enumerable
                .Range(0, Services)
                .ToImmutableDictionary(i => new ObjectName("shop", $"service-{i}"), i => Slice(i, isReady: true)),
            Pods = Enumerable
                .Range(0, pods)
                .ToImmutableDictionary(
                    i => new ObjectName("shop", $"pod-{i}"),
                    i => new PodRecord("account", HasProxy: true, [KeyValuePair.Create("pod", $"pod-{i}")])
                ),
        };

    private static EndpointSliceRecord Slice(int service, bool isReady) =>
        new(
            $"service-{service}",
            [new SlicePort("http", 8080)],
            [
                new EndpointRecord([$"10.0.0.{service}"], IsReady: true, $"pod-{service}", Zone: null),
                new EndpointRecord([$"10.0.1.{service}"], isReady, $"pod-{Services + service}", Zone: null),
            ]
        );

    private sealed class NoProgress : IRolloutProgress
    {
        public static readonly NoProgress Instance = new();

        public bool HasServer(WorkloadName workload) => true;

        public bool HaveClients(IReadOnlyCollection<BackendTarget> ports) => true;
    }
}
