using System.Collections.Immutable;
using CsCheck;
using MeshOperator.Api.Policies;
using MeshOperator.Kubernetes.Entities;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Xds.Tests.Properties;

/// <summary>Random clusters. There are few names, so that what policies name is sometimes there and sometimes not, and several claim the
/// same thing.</summary>
internal static class RandomMesh
{
    private static readonly Gen<ServicePortRecord> Port = Gen.OneOf(
        new ServicePortRecord("http", 80, null),
        new ServicePortRecord("grpc", 81, null),
        new ServicePortRecord("tcp-db", 5432, null),
        new ServicePortRecord("", 7000, null),
        new ServicePortRecord("odd", 7001, "kubernetes.io/h2c")
    );

    /// <summary>Two may claim one address; some are headless, of two address families or names of other hosts.</summary>
    private static readonly Gen<ServiceRecord> Service = Gen.Select(
        Gen.Int[1, 60],
        Gen.Int[0, 9],
        Port.Array[1, 3],
        (address, kind, ports) =>
            new ServiceRecord(
                kind switch
                {
                    0 => [],
                    1 => [$"10.96.0.{address}", $"fd00:96::{address}"],
                    _ => [$"10.96.0.{address}"],
                },
                ports.DistinctBy(p => p.Port).ToValueList(),
                IsExternalName: kind == 2
            )
            {
                ExternalName = kind == 2 ? "a.shop.svc.cluster.local" : null,
                StaysOnNode = kind == 3,
                HasClientAffinity = kind is 4 or 5,
                ExternalAddresses = kind is 5 or 6 ? [$"10.96.0.{(address % 60) + 1}"] : [],
            }
    );

    /// <summary>What a proxy is sent: mostly all of the mesh, else few services, some of which are not there.</summary>
    private static readonly Gen<string?> Upstreams = Gen.Select(
        Gen.Int[0, 9],
        RandomNames.ServiceNames,
        RandomNames.Services,
        (kind, other, own) =>
            kind switch
            {
                0 => string.Empty,
                1 => own,
                2 => $"{other}, {own}",
                3 => $"./*, {own}.shop",
                4 => "*",
                5 => "./*",
                _ => null,
            }
    );

    private static readonly Gen<PodRecord> Pod = Gen.Select(
        RandomNames.Services,
        Gen.Int[0, 4],
        RandomNames.Services,
        Upstreams,
        Gen.Bool,
        (account, proxy, app, upstreams, hasIpv6) =>
            new PodRecord(account, proxy > 0, [KeyValuePair.Create("app", app)])
            {
                Upstreams = upstreams,
                HasIpv6 = hasIpv6,
                Node = $"node-{proxy}",
                Address = $"10.0.{proxy}.6",
                OtherAddress = hasIpv6 ? $"fd00:10::{proxy}:6" : null,
                CanShareLimits = proxy != 4,
                ContainerPorts = hasIpv6 ? [9999] : [],
                DirectPorts = proxy switch
                {
                    1 => "8081,5432",
                    2 => "*",
                    _ => null,
                },
                ExplicitProxy = proxy switch
                {
                    2 => new ExplicitProxySettings("127.0.0.1", [new LocalServicePort(9000, new ServiceName("shop", app), 80)]),
                    3 => new ExplicitProxySettings("127.0.0.1", [])
                    {
                        Inbound = new InboundBinding([hasIpv6 ? "fd00:10::9" : "10.0.9.9"], "127.0.0.1"),
                    },
                    _ => null,
                },
            }
    );

    private static readonly Gen<ObjectName> NamespaceNames = RandomNames.Namespaces.Select(ns => new ObjectName(string.Empty, ns));

    private static readonly Gen<NamespaceRecord> Namespace = Upstreams.Select(upstreams => new NamespaceRecord(upstreams ?? "*"));

    /// <summary>Of the last address no pod is named; there may be one that has it. A pod may have addresses of both IP families, in
    /// different slices.</summary>
    private static Gen<EndpointRecord> Endpoint(bool isIpv6) =>
        Gen.Select(
            Gen.Int[0, 3],
            Gen.Int[1, 6],
            Gen.Int[0, 4],
            Gen.OneOf<string?>("zone-a", "zone-b", null),
            (subnet, host, ready, zone) =>
                new EndpointRecord(
                    [isIpv6 ? $"fd00:10::{subnet}:{host}" : $"10.0.{subnet}.{host}"],
                    ready > 0,
                    host == 6 ? null : $"pod-{host}",
                    zone
                )
                {
                    PodNamespace = subnet == 3 && host < 4 ? "jobs" : null,
                    IsServingTerminating = ready == 0 && subnet > 0,
                    Node = host % 3 == 0 ? null : $"node-{host % 3}",
                    Hostname = host % 2 == 0 ? $"host-{host}" : null,
                    ForNodes = subnet == 1 ? [$"node-{host % 2}"] : [],
                    ForZones = subnet == 2 || host == 1 ? [zone ?? "zone-c"] : [],
                }
        );

    private static readonly Gen<EndpointSliceRecord> Slice = Gen.Select(
        RandomNames.Services,
        Gen.Int[0, 2].SelectMany(family => Endpoint(isIpv6: family == 0).Array[0, 4]),
        Gen.Int[0, 1],
        (service, endpoints, shift) =>
            new EndpointSliceRecord(
                service,
                [
                    new SlicePort("http", 8080 + shift),
                    new SlicePort("grpc", 8081),
                    new SlicePort("tcp-db", 5432),
                    new SlicePort("", 7000),
                    new SlicePort("odd", 7001),
                ],
                endpoints.ToValueList()
            )
    );

    private static readonly Gen<ObjectName> PodNames = Gen.Select(
        RandomNames.Namespaces,
        Gen.Int[1, 6],
        (ns, i) => new ObjectName(ns, $"pod-{i}")
    );

    private static readonly Gen<ObjectName> SliceNames = Gen.Select(
        RandomNames.Namespaces,
        Gen.Int[1, 12],
        (ns, i) => new ObjectName(ns, $"slice-{i}")
    );

    /// <summary>A cluster.</summary>
    public static readonly Gen<ClusterSnapshot> Snapshot = Gen.Select(
        Gen.Select(
            RandomNames.Records(RandomNames.ServiceNames, Service, 4, 12),
            RandomNames.Records(SliceNames, Slice, 0, 8),
            RandomNames.Records(PodNames, Pod, 0, 10)
        ),
        RandomPolicies.Set,
        Gen.Select(
            Gen.OneOf("cluster.local", "cluster.local", "example.org"),
            Gen.Int[0, 3],
            RandomNames.Records(NamespaceNames, Namespace, 0, 1)
        ),
        (objects, policies, settings) =>
            ClusterSnapshot.Empty with
            {
                TrustDomain = settings.Item1,
                IsScopedToNamespace = settings.Item2 == 0,
                Namespaces = settings.Item3,
                Services = objects.Item1,
                EndpointSlices = objects.Item2,
                Nodes = Nodes(settings.Item2),
                Pods = objects.Item3,
                Policies = policies,
            }
    );

    private static ImmutableDictionary<ObjectName, NodeRecord> Nodes(int kind) =>
        Enumerable
            .Range(1, kind)
            .ToImmutableDictionary(i => new ObjectName(string.Empty, $"node-{i}"), i => new NodeRecord(i == 1 ? "zone-a" : "zone-b"));

    /// <summary>Clusters that follow each other, each but a few objects as the one before; now and then nothing changes at all.</summary>
    public static readonly Gen<ClusterSnapshot[]> History = Gen.Select(
        Snapshot,
        Gen.Select(Snapshot, Gen.Int[0, 5 + (2 * PolicyKinds.All.Count)], Gen.Int[0, 100]).Array[1, 6],
        (first, changes) =>
        {
            var history = new List<ClusterSnapshot> { first };
            foreach (var (other, kind, pick) in changes)
                history.Add(Change(history[^1], other, kind, pick));
            return history.ToArray();
        }
    );

    /// <summary>Takes one object of a kind over from another cluster, or its absence.</summary>
    private static ClusterSnapshot Change(ClusterSnapshot cluster, ClusterSnapshot other, int kind, int pick) =>
        kind switch
        {
            0 => cluster with { Services = One(cluster.Services, other.Services, pick) },
            1 => cluster with { EndpointSlices = One(cluster.EndpointSlices, other.EndpointSlices, pick) },
            2 => cluster with { Pods = One(cluster.Pods, other.Pods, pick) },
            3 => cluster with { Namespaces = One(cluster.Namespaces, other.Namespaces, pick) },
            4 => cluster with { IsScopedToNamespace = other.IsScopedToNamespace },
            5 => cluster with { TrustDomain = other.TrustDomain, Nodes = other.Nodes },
            _ => cluster with { Policies = One(cluster.Policies, other.Policies, PolicyKinds.All[kind % PolicyKinds.All.Count], pick) },
        };

    private static PolicySet One(PolicySet policies, PolicySet other, PolicyKind kind, int pick)
    {
        var names = policies[kind].Keys.Union(other[kind].Keys).Order().ToList();
        return names.Count == 0 ? policies : kind.Accept(new TakeOver(policies, other, names[pick % names.Count]));
    }

    private static ImmutableDictionary<ObjectName, T> One<T>(
        ImmutableDictionary<ObjectName, T> records,
        ImmutableDictionary<ObjectName, T> other,
        int pick
    )
        where T : class
    {
        var names = records.Keys.Union(other.Keys).Order().ToList();
        if (names.Count == 0)
            return records;
        var name = names[pick % names.Count];
        return other.TryGetValue(name, out var record) ? records.SetItem(name, record) : records.Remove(name);
    }

    /// <summary>A set with one policy as another set has it, or without it if that has none.</summary>
    private sealed class TakeOver(PolicySet policies, PolicySet other, ObjectName name) : IPolicyKindVisitor<PolicySet>
    {
        public PolicySet Visit<TPolicy, TSpec>(PolicyKind<TPolicy, TSpec> kind)
            where TPolicy : CustomKubernetesEntity, IMeshPolicy<TSpec>, new()
            where TSpec : class, new() =>
            other.Find(kind, name) is { } policy ? policies.With(kind, name, policy) : policies.Without(kind, name);
    }
}
