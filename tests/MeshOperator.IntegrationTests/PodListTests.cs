using k8s;
using k8s.Models;
using MeshOperator.IntegrationTests.Support;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Snapshots;
using Microsoft.Extensions.Logging.Abstractions;
using Shouldly;
using Xunit;

namespace MeshOperator.IntegrationTests;

/// <summary>What the operator keeps of pods is the same in whichever form an API server lists them.</summary>
public sealed class PodListTests(TestCluster cluster)
{
    [Fact]
    public async Task A_pod_is_read_from_protobuf_as_from_json()
    {
        var cancellation = TestContext.Current.CancellationToken;
        await using var ns = await TestNamespace.CreateAsync(cluster);
        foreach (var pod in Pods())
            await CreateAsync(ns.Name, pod, cancellation);

        var fromJson = await ListAsync(ns.Name, null, cancellation);
        var fromProtobuf = await ListAsync(ns.Name, PodMessages.Read, cancellation);
        fromProtobuf.Keys.ShouldBe(fromJson.Keys, ignoreOrder: true);
        fromJson.Count.ShouldBe(6);
        foreach (var (name, expected) in fromJson)
        {
            var actual = fromProtobuf[name];
            RecordReader.Read(actual).ShouldBe(RecordReader.Read(expected));
            ProxyPod.Read(actual).ShouldBe(ProxyPod.Read(expected));
            BindFailure.Find(actual).ShouldBe(BindFailure.Find(expected));
            (BindFailure.Find(actual) is not null).ShouldBe(name.Name is "restarted" or "native");
            ProxyUser.Find(actual).ShouldBe(ProxyUser.Find(expected));
            ProxyUser.Find(actual).Any().ShouldBe(name.Name == "proxy-user");
            CompletedPod.IsFound(actual).ShouldBe(name.Name == "completed");
            CompletedPod.IsFound(expected).ShouldBe(name.Name == "completed");
            actual.Metadata.Uid.ShouldBe(expected.Metadata.Uid);
            actual.Metadata.ResourceVersion.ShouldBe(expected.Metadata.ResourceVersion);
            actual.Metadata.CreationTimestamp.ShouldBe(expected.Metadata.CreationTimestamp);
        }
    }

    private async Task CreateAsync(string ns, V1Pod pod, CancellationToken cancellation)
    {
        var status = pod.Status;
        var created = await cluster.Client.CoreV1.CreateNamespacedPodAsync(pod, ns, cancellationToken: cancellation);
        created.Status = status;
        await cluster.Client.CoreV1.ReplaceNamespacedPodStatusAsync(created, pod.Metadata.Name, ns, cancellationToken: cancellation);
    }

    private async Task<IReadOnlyDictionary<ObjectKey, V1Pod>> ListAsync(
        string ns,
        Func<System.Buffers.ReadOnlySequence<byte>, V1Pod>? readProtobuf,
        CancellationToken cancellation
    )
    {
        using var stop = new CancellationTokenSource();
        var informer = new SharedInformer<V1Pod>(
            new KubernetesTransport(cluster.Client, TimeProvider.System),
            new InformerOptions<V1Pod>
            {
                Namespace = ns,
                Trim = RecordReader.Trim,
                ReadProtobuf = readProtobuf,
            },
            TimeProvider.System,
            new Random(1),
            NullLogger<SharedInformer<V1Pod>>.Instance
        );
        var run = informer.RunAsync(stop.Token);
        await informer.WaitForSyncAsync(cancellation);
        await stop.CancelAsync();
        await run;
        return informer.Objects;
    }

    /// <summary>One that runs with a sidecar, one without anything, and some of which something is to be found.</summary>
    private static IEnumerable<V1Pod> Pods()
    {
        yield return Pod("meshed", "envoy", running: true, restarts: 0);
        yield return new V1Pod
        {
            Metadata = new V1ObjectMeta { Name = "bare" },
            Spec = new V1PodSpec { Containers = [Container("app")] },
        };
        var restarted = Pod("restarted", "envoy", running: false, restarts: 3);
        restarted.Metadata.Annotations["meshoperator.io/inbound-mode"] = "proxy";
        yield return restarted;
        var native = Pod("native", "envoy", running: true, restarts: 0);
        native.Metadata.Annotations["meshoperator.io/inbound-mode"] = "proxy";
        var cache = Container("cache", 6379);
        cache.RestartPolicy = "Always";
        native.Spec.InitContainers.Add(cache);
        native.Status.InitContainerStatuses = [Status("cache", ready: false, restarts: 2)];
        yield return native;
        var completed = Pod("completed", "envoy", running: false, restarts: 0);
        completed.Metadata.Annotations["meshoperator.io/completion"] = "operator";
        completed.Spec.RestartPolicy = "Never";
        completed.Status.ContainerStatuses[0].State = new V1ContainerState { Terminated = new V1ContainerStateTerminated { ExitCode = 3 } };
        yield return completed;
        var proxyUser = Pod("proxy-user", "envoy", running: true, restarts: 0);
        proxyUser.Status.ContainerStatuses[0].User = new V1ContainerUser
        {
            Linux = new V1LinuxContainerUser
            {
                Uid = 5,
                Gid = 6,
                SupplementalGroups = [7, 1337],
            },
        };
        yield return proxyUser;
    }

    private static V1Pod Pod(string name, string proxy, bool running, int restarts) =>
        new()
        {
            Metadata = new V1ObjectMeta
            {
                Name = name,
                Labels = new Dictionary<string, string> { ["app"] = name, ["meshoperator.io/proxy"] = proxy },
                Annotations = new Dictionary<string, string> { ["meshoperator.io/upstreams"] = "./*", ["other"] = "x" },
            },
            Spec = new V1PodSpec
            {
                ServiceAccountName = "default",
                NodeName = "node-1",
                Containers = [Container("app", 8080, 9090), Container("mesh-proxy", 15090)],
                InitContainers = [Container("mesh-init")],
            },
            Status = new V1PodStatus
            {
                Phase = "Running",
                PodIPs = [new V1PodIP { Ip = "10.0.0.1" }, new V1PodIP { Ip = "fd00::1" }],
                Conditions =
                [
                    new V1PodCondition
                    {
                        Type = "Ready",
                        Status = running ? "True" : "False",
                        LastTransitionTime = new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc),
                    },
                ],
                ContainerStatuses = [Status("app", running, restarts), Status("mesh-proxy", ready: true, restarts: 0)],
            },
        };

    private static V1Container Container(string name, params int[] ports) =>
        new()
        {
            Name = name,
            Image = "example.com/app:1",
            Args = ["--concurrency", "2"],
            Ports = [.. ports.Select(port => new V1ContainerPort { ContainerPort = port })],
        };

    private static V1ContainerStatus Status(string name, bool ready, int restarts) =>
        new()
        {
            Name = name,
            Image = "example.com/app:1",
            ImageID = "",
            Ready = ready,
            RestartCount = restarts,
            State = new V1ContainerState { Running = new V1ContainerStateRunning() },
            LastState = restarts == 0 ? null : new V1ContainerState { Terminated = new V1ContainerStateTerminated { ExitCode = 98 } },
        };
}
