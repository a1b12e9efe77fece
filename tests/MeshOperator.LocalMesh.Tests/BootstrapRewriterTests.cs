using k8s.Models;
using MeshOperator.Injection;
using MeshOperator.Local.Node;
using Shouldly;
using Xunit;

namespace MeshOperator.LocalMeshTests;

/// <summary>What a pod's proxy is started with on this machine.</summary>
public sealed class BootstrapRewriterTests
{
    [Fact]
    public void Admin_and_the_nodes_metadata_are_at_the_pods_own_addresses()
    {
        var pod = new V1Pod
        {
            Metadata = new V1ObjectMeta { Name = "web-0", Uid = "uid-0" },
            Spec = new V1PodSpec { Containers = [new V1Container { Name = "web", Image = "web:1" }] },
        };
        new SidecarInjector(new InjectionOptions { Interception = "none", Inbound = "proxy" })
            .Inject(pod, "shop")
            .IsInjected.ShouldBeTrue();
        var container = pod.Spec.Containers.Concat(pod.Spec.InitContainers ?? []).Single(c => c.Name == SidecarInjector.ContainerName);

        var bootstrap = BootstrapRewriter.Rewrite(
            container,
            pod,
            new PodPlaces("127.1.0.7", "127.2.0.7", "localhost:15012", "/token", "/trust", "mesh-admin")
        );

        ((string?)bootstrap["node"]!["metadata"]!["proxy_address"]).ShouldBe("127.1.0.7");
        ((string?)bootstrap["node"]!["metadata"]!["application_address"]).ShouldBe("127.2.0.7");
        ((string?)bootstrap["admin"]!["address"]!["pipe"]!["path"]).ShouldBe("mesh-admin/admin.sock");
        var listener = bootstrap["static_resources"]!["listeners"]!.AsArray().Single(l => (string?)l!["name"] == "admin");
        ((string?)listener!["address"]!["socket_address"]!["address"]).ShouldBe("127.1.0.7");
    }
}
