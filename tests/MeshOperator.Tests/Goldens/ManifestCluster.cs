using System.Collections.Immutable;
using k8s;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Api.Policies;
using MeshOperator.Injection;
using MeshOperator.Kubernetes.Entities;
using MeshOperator.Kubernetes.Manifests;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Shifts;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Snapshots;

namespace MeshOperator.Tests.Goldens;

/// <summary>A cluster to which manifests were applied, once its controllers have settled: workloads have their pods, labelled ones the
/// sidecar, services their addresses and endpoint slices. The same manifests always make the same cluster.</summary>
internal sealed class ManifestCluster
{
    private static readonly DateTime FirstCreation = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);
    private readonly List<IKubernetesObject<V1ObjectMeta>> _objects = [];
    private readonly SidecarInjector _injector = new(new InjectionOptions());
    private readonly GoldenSettings _settings;
    private int _workloads;
    private int _addresses;

    private ManifestCluster(GoldenSettings settings) => _settings = settings;

    /// <summary>The cluster of some manifests. An object is as old as its place in them, so the first is the oldest.</summary>
    /// <exception cref="ManifestException">An object cannot be read, has a field that its kind lacks, or is of a kind that is of no use
    /// here.</exception>
    public static ManifestCluster Read(string manifests, GoldenSettings settings)
    {
        var cluster = new ManifestCluster(settings);
        foreach (var json in ManifestReader.Read(manifests))
        {
            var applied = ManifestObject.Read(json);
            applied.Metadata.CreationTimestamp = FirstCreation.AddSeconds(cluster._objects.Count);
            applied.Metadata.Uid = $"uid-{cluster._objects.Count}";
            applied.Metadata.Generation ??= 1;
            if (applied is not (V1Namespace or V1Node))
                applied.Metadata.NamespaceProperty ??= "default";
            cluster._objects.Add(applied);
        }

        foreach (var applied in cluster._objects.ToArray())
            cluster.Run(applied);
        foreach (var service in cluster.All<V1Service>())
            cluster.GiveAddresses(service);
        cluster._objects.AddRange(
            cluster.All<V1Service>().ToArray().SelectMany(service => EndpointSlices.For(service, [.. cluster.All<V1Pod>()]))
        );
        return cluster;
    }

    /// <summary>What the mesh knows of the cluster.</summary>
    public ClusterSnapshot Snapshot() =>
        ClusterSnapshot.Empty with
        {
            IsScopedToNamespace = _settings.IsScopedToNamespace,
            Namespaces = Records<V1Namespace, NamespaceRecord>(RecordReader.Read),
            Nodes = Records<V1Node, NodeRecord>(RecordReader.Read),
            Services = Records<V1Service, ServiceRecord>(RecordReader.Read),
            EndpointSlices = Records<V1EndpointSlice, EndpointSliceRecord>(RecordReader.Read),
            Pods = Records<V1Pod, PodRecord>(RecordReader.Read),
            Shifts = Records<TrafficSplit, ValueList<ShiftProgress>>(split =>
                ShiftProgress.Read(split) is { Count: > 0 } shifts ? shifts : null
            ),
            Policies = PolicyKinds.All.Aggregate(PolicySet.Empty, (policies, kind) => kind.Accept(new AddPolicies(this, policies))),
        };

    private IEnumerable<T> All<T>() => _objects.OfType<T>();

    private ImmutableDictionary<ObjectName, TRecord> Records<TEntity, TRecord>(Func<TEntity, TRecord?> read)
        where TEntity : IKubernetesObject<V1ObjectMeta>
        where TRecord : class =>
        All<TEntity>()
            .Select(entity =>
                (Name: new ObjectName(entity.Metadata.NamespaceProperty ?? string.Empty, entity.Metadata.Name), Record: read(entity))
            )
            .Where(entry => entry.Record is not null)
            .ToImmutableDictionary(entry => entry.Name, entry => entry.Record!);

    /// <summary>Stands in for the controllers of workloads and for the injecting webhook.</summary>
    private void Run(IKubernetesObject<V1ObjectMeta> applied)
    {
        switch (applied)
        {
            case V1Deployment deployment:
                Start(deployment.Metadata, deployment.Spec.Replicas, deployment.Spec.Template);
                break;
            case V1StatefulSet set:
                Start(set.Metadata, set.Spec.Replicas, set.Spec.Template, subdomain: set.Spec.ServiceName);
                break;
            case V1Pod pod:
                Admit(pod, ++_workloads, 1);
                break;
        }
    }

    private void Start(V1ObjectMeta workload, int? replicas, V1PodTemplateSpec template, string? subdomain = null)
    {
        var number = ++_workloads;
        for (var i = 0; i < (replicas ?? 1); i++)
        {
            // Each pod has a spec of its own: injection changes it.
            var pod = KubernetesJson.Deserialize<V1Pod>(
                KubernetesJson.Serialize(new V1Pod { Metadata = template.Metadata, Spec = template.Spec })
            );
            pod.Metadata ??= new V1ObjectMeta();
            pod.Metadata.Name = $"{workload.Name}-{i}";
            pod.Metadata.NamespaceProperty = workload.NamespaceProperty;
            if (subdomain is not null)
                (pod.Spec.Hostname, pod.Spec.Subdomain) = (pod.Metadata.Name, subdomain);
            Admit(pod, number, i + 1);
            _objects.Add(pod);
        }
    }

    private void Admit(V1Pod pod, int workload, int replica)
    {
        pod.Status ??= new V1PodStatus();
        pod.Status.Phase ??= "Running";
        pod.Status.PodIPs =
        [
            .. _settings.PodFamilies.Select(family => new V1PodIP
            {
                Ip = family == "IPv6" ? $"fd00:10::{workload}:{replica}" : $"10.0.{workload}.{replica}",
            }),
        ];
        var ns = All<V1Namespace>().FirstOrDefault(n => n.Metadata.Name == pod.Metadata.NamespaceProperty);
        if (
            Label(ns?.Metadata, MeshNames.InjectionLabel) != MeshNames.InjectionEnabled
            && Label(pod.Metadata, MeshNames.InjectLabel) != "true"
        )
            return;
        var outcome = _injector.Inject(pod, pod.Metadata.NamespaceProperty);
        if (outcome.IsRefused)
            throw new ManifestException($"pod {pod.Metadata.Name}: {outcome.Reason}");
    }

    private static string? Label(V1ObjectMeta? metadata, string name) =>
        metadata?.Labels is { } labels && labels.TryGetValue(name, out var value) ? value : null;

    private void GiveAddresses(V1Service service)
    {
        if (service.Spec.Type == "ExternalName" || service.Spec.ClusterIP is not null)
            return;
        var number = ++_addresses;
        service.Spec.ClusterIPs =
        [
            .. (service.Spec.IpFamilies ?? ["IPv4"]).Select(family => family == "IPv6" ? $"fd00:96::{number}" : $"10.96.0.{number}"),
        ];
        service.Spec.ClusterIP = service.Spec.ClusterIPs[0];
    }

    private sealed class AddPolicies(ManifestCluster cluster, PolicySet policies) : IPolicyKindVisitor<PolicySet>
    {
        public PolicySet Visit<TPolicy, TSpec>(PolicyKind<TPolicy, TSpec> kind)
            where TPolicy : CustomKubernetesEntity, IMeshPolicy<TSpec>, new()
            where TSpec : class, new() =>
            cluster
                .Records<TPolicy, PolicyRecord<TSpec>>(policy => PolicyReader.Read(kind, policy, before: null))
                .Aggregate(policies, (all, policy) => all.With(kind, policy.Key, policy.Value));
    }
}
