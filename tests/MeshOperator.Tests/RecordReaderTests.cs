using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Snapshots;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests;

public sealed class RecordReaderTests
{
    private static V1Pod Pod() => new()
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
                new V1Container { Name = "web", Image = "shop/web", Ports = [new V1ContainerPort { ContainerPort = 9090 }, new V1ContainerPort { ContainerPort = 8080, Protocol = "TCP", Name = "http" }] },
                new V1Container { Name = "dns", Ports = [new V1ContainerPort { ContainerPort = 53, Protocol = "UDP" }] },
            ],
            InitContainers = [new V1Container { Name = "mesh-proxy", Ports = [new V1ContainerPort { ContainerPort = 15090 }] }],
        },
        Status = new V1PodStatus { Phase = "Running", PodIPs = [new V1PodIP { Ip = "fd00:10::1" }] },
    };

    [Fact]
    public void A_pod_has_the_ports_that_its_own_containers_declare_for_tcp() => RecordReader.Read(Pod())!.ContainerPorts.ShouldBe([8080, 9090]);

    [Fact]
    public void What_is_dropped_of_a_pod_is_of_no_use()
    {
        var pod = Pod();
        RecordReader.Trim(pod);
        RecordReader.Read(pod).ShouldBe(RecordReader.Read(Pod()));
        pod.Spec.Containers[0].Image.ShouldBeNull();
    }
}
