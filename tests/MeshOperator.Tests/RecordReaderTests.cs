using k8s.Models;
using MeshOperator.Api;
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
