using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Snapshots;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests;

public sealed class RecordReaderTests
{
    private static V1Pod Pod() =>
        new()
        {
            Metadata = new V1ObjectMeta
            {
                Name = "web-0",
                NamespaceProperty = "shop",
                Labels = new Dictionary<string, string> { ["app"] = "web", [MeshNames.ProxyLabel] = MeshNames.ProxyEnvoy },
                Annotations = new Dictionary<string, string> { [SidecarAnnotations.Upstreams] = "./*", ["other"] = "x" },
            },
            Spec = new V1PodSpec
            {
                ServiceAccountName = "web",
                Containers =
                [
                    new V1Container
                    {
                        Name = "web",
                        Image = "shop/web",
                        Ports =
                        [
                            new V1ContainerPort { ContainerPort = 9090 },
                            new V1ContainerPort
                            {
                                ContainerPort = 8080,
                                Protocol = "TCP",
                                Name = "http",
                            },
                        ],
                    },
                    new V1Container { Name = "dns", Ports = [new V1ContainerPort { ContainerPort = 53, Protocol = "UDP" }] },
                ],
                InitContainers = [new V1Container { Name = "mesh-proxy", Ports = [new V1ContainerPort { ContainerPort = 15090 }] }],
            },
            Status = new V1PodStatus { Phase = "Running", PodIPs = [new V1PodIP { Ip = "fd00:10::1" }] },
        };

    [Fact]
    public void A_pod_has_the_ports_that_its_own_containers_declare_for_tcp() =>
        RecordReader.Read(Pod())!.ContainerPorts.ShouldBe([8080, 9090]);

    /// <remarks>linkerd/linkerd2 14767, 14791 and 14814: ports of servers that are native sidecars were not known.</remarks>
    [Fact]
    public void Ports_of_a_native_sidecar_are_the_pods_as_well()
    {
        var pod = Pod();
        pod.Spec.InitContainers.Add(
            new V1Container
            {
                Name = "cache",
                RestartPolicy = "Always",
                Ports = [new V1ContainerPort { ContainerPort = 11211, Name = "memcached" }],
            }
        );

        RecordReader.Read(pod)!.ContainerPorts.ShouldBe([8080, 9090, 11211]);
    }

    [Theory]
    [InlineData(null, null, null, true, false)]
    [InlineData(true, true, false, true, false)]
    [InlineData(false, true, true, false, true)]
    [InlineData(false, null, true, false, true)]
    [InlineData(false, false, true, false, false)]
    [InlineData(false, true, null, false, false)]
    [InlineData(true, false, true, true, false)]
    public void An_endpoint_takes_traffic_by_the_conditions_that_kube_proxy_goes_by(
        bool? ready,
        bool? serving,
        bool? terminating,
        bool isReady,
        bool isServingTerminating
    )
    {
        var conditions = new V1EndpointConditions
        {
            Ready = ready,
            Serving = serving,
            Terminating = terminating,
        };
        var endpoint = Read(new V1Endpoint { Addresses = ["10.0.0.1"], Conditions = conditions });
        (endpoint.IsReady, endpoint.IsServingTerminating).ShouldBe((isReady, isServingTerminating));
    }

    [Theory]
    [InlineData("Pod", "depot", "web-0", "depot")]
    [InlineData("Pod", "shop", "web-0", null)]
    [InlineData("Pod", null, "web-0", null)]
    [InlineData("Node", null, null, null)]
    public void A_target_of_an_endpoint_is_read_with_its_namespace(string kind, string? ns, string? pod, string? podNamespace)
    {
        var target = new V1ObjectReference
        {
            Kind = kind,
            Name = "web-0",
            NamespaceProperty = ns,
        };
        var endpoint = Read(new V1Endpoint { Addresses = ["10.0.0.1"], TargetRef = target });
        (endpoint.Pod, endpoint.PodNamespace).ShouldBe((pod, podNamespace));
    }

    private static EndpointRecord Read(V1Endpoint endpoint) =>
        RecordReader
            .Read(
                new V1EndpointSlice
                {
                    Metadata = new V1ObjectMeta
                    {
                        Name = "web-1",
                        NamespaceProperty = "shop",
                        Labels = new Dictionary<string, string> { ["kubernetes.io/service-name"] = "web" },
                    },
                    AddressType = "IPv4",
                    Endpoints = [endpoint],
                }
            )!
            .Endpoints.ShouldHaveSingleItem();

    [Fact]
    public void What_is_dropped_of_a_pod_is_of_no_use()
    {
        var pod = Pod();
        RecordReader.Trim(pod);
        RecordReader.Read(pod).ShouldBe(RecordReader.Read(Pod()));
        pod.Spec.Containers[0].Image.ShouldBeNull();
    }

    [Fact]
    public void What_a_status_needs_to_know_of_a_pods_proxy_is_kept()
    {
        var since = new DateTime(2026, 1, 1, 12, 0, 0, DateTimeKind.Utc);
        foreach (
            var (ready, running, isNative) in new[] { (true, true, true), (false, true, false), (true, false, true), (false, false, false) }
        )
        {
            var pod = Pod();
            pod.Status.Conditions =
            [
                new V1PodCondition { Type = "PodScheduled", Status = "True" },
                new V1PodCondition
                {
                    Type = "Ready",
                    Status = ready ? "True" : "False",
                    LastTransitionTime = since,
                },
            ];
            var proxy = new V1ContainerStatus
            {
                Name = "mesh-proxy",
                State = running
                    ? new V1ContainerState { Running = new V1ContainerStateRunning { StartedAt = since } }
                    : new V1ContainerState { Waiting = new V1ContainerStateWaiting() },
            };
            if (isNative)
                pod.Status.InitContainerStatuses = [proxy];
            else
                pod.Status.ContainerStatuses = [proxy];
            var expected = new ProxyPod(running, ready ? null : new DateTimeOffset(since));

            ProxyPod.Read(pod).ShouldBe(expected);
            RecordReader.Trim(pod);
            ProxyPod.Read(pod).ShouldBe(expected);
        }
    }

    [Fact]
    public void The_proxy_of_a_pod_that_is_being_deleted_is_not_expected()
    {
        var pod = Pod();
        pod.Status.ContainerStatuses =
        [
            new V1ContainerStatus
            {
                Name = "mesh-proxy",
                State = new V1ContainerState { Running = new V1ContainerStateRunning() },
            },
        ];
        ProxyPod.Read(pod).IsRunning.ShouldBeTrue();
        pod.Metadata.DeletionTimestamp = DateTime.UnixEpoch;
        ProxyPod.Read(pod).IsRunning.ShouldBeFalse();
    }

    [Theory]
    [InlineData("./*", 0)]
    [InlineData("./*, web.shop", 1)]
    public void A_list_of_upstreams_that_cannot_be_read_is_logged_once(string upstreams, int logged)
    {
        var log = new RecordedLog();
        var reader = new AnnotatedReader(log);
        var pod = Pod();
        pod.Metadata.Annotations[SidecarAnnotations.Upstreams] = upstreams;
        reader.Read(pod, reader.Read(pod, null));
        log.Lines.Count.ShouldBe(logged);
        if (logged > 0)
            log.Lines[0]
                .ShouldStartWith(
                    "Pod shop/web-0: annotation meshoperator.io/upstreams: the item 'web.shop' is not one of service, "
                        + "namespace/service, namespace/*, ./* and *;"
                );

        var ns = new V1Namespace
        {
            Metadata = new V1ObjectMeta { Name = "shop", Annotations = pod.Metadata.Annotations },
        };
        reader.Read(ns, reader.Read(ns, null));
        log.Lines.Count.ShouldBe(2 * logged);
    }
}
