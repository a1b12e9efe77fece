using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Snapshots;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests;

public sealed class BindFailureTests
{
    [Fact]
    public void An_application_that_keeps_ending_beside_a_proxy_at_its_port_is_named_with_port_and_address()
    {
        var pod = Pod(restarts: 3, exitCode: 1);
        var message = BindFailure.Find(pod).ShouldNotBeNull();
        message.ShouldContain("'web'");
        message.ShouldContain("port 8080");
        message.ShouldContain("127.0.0.1");
    }

    [Fact]
    public void Each_further_restart_says_the_same_so_that_one_event_is_counted() =>
        BindFailure.Find(Pod(restarts: 4, exitCode: 1)).ShouldBe(BindFailure.Find(Pod(restarts: 3, exitCode: 1)));

    [Fact]
    public void What_is_kept_of_a_pod_is_enough()
    {
        var pod = Pod(restarts: 3, exitCode: 1);
        var before = BindFailure.Find(pod);
        RecordReader.Trim(pod);
        BindFailure.Find(pod).ShouldBe(before);
    }

    [Fact]
    public void A_server_that_runs_as_a_native_sidecar_is_found_as_well()
    {
        var pod = WithInitContainer("Always");
        var message = BindFailure.Find(pod).ShouldNotBeNull();
        message.ShouldContain("'cache'");
        message.ShouldContain("port 6379");
        RecordReader.Trim(pod);
        BindFailure.Find(pod).ShouldBe(message);
    }

    [Fact]
    public void Nothing_is_said_of_an_init_container_that_is_tried_again() => BindFailure.Find(WithInitContainer(null)).ShouldBeNull();

    [Theory]
    [InlineData(0, 0, "proxy")]
    [InlineData(2, 0, "proxy")]
    [InlineData(3, 1, null)]
    public void Nothing_is_said_of_pods_that_are_well_or_that_the_proxy_does_not_listen_for(int restarts, int exitCode, string? mode) =>
        BindFailure.Find(Pod(restarts, exitCode, mode)).ShouldBeNull();

    /// <summary>A pod whose init container keeps ending.</summary>
    private static V1Pod WithInitContainer(string? restartPolicy)
    {
        var pod = Pod(restarts: 3, exitCode: 1);
        pod.Spec.InitContainers.Add(
            new V1Container
            {
                Name = "cache",
                RestartPolicy = restartPolicy,
                Ports = [new V1ContainerPort { ContainerPort = 6379 }],
            }
        );
        pod.Status.InitContainerStatuses = pod.Status.ContainerStatuses;
        pod.Status.InitContainerStatuses[0].Name = "cache";
        pod.Status.ContainerStatuses = null;
        return pod;
    }

    private static V1Pod Pod(int restarts, int exitCode, string? mode = MeshNames.InboundProxy) =>
        new()
        {
            Metadata = new V1ObjectMeta
            {
                Name = "web-0",
                NamespaceProperty = "shop",
                Labels = new Dictionary<string, string> { [MeshNames.ProxyLabel] = MeshNames.ProxyEnvoy },
                Annotations = mode is null ? null : new Dictionary<string, string> { [MeshNames.InboundModeAnnotation] = mode },
            },
            Spec = new V1PodSpec
            {
                Containers = [new V1Container { Name = "web", Ports = [new V1ContainerPort { ContainerPort = 8080 }] }],
                InitContainers = [new V1Container { Name = "mesh-proxy" }],
            },
            Status = new V1PodStatus
            {
                Phase = "Running",
                ContainerStatuses =
                [
                    new V1ContainerStatus
                    {
                        Name = "web",
                        Ready = false,
                        RestartCount = restarts,
                        LastState = new V1ContainerState { Terminated = new V1ContainerStateTerminated { ExitCode = exitCode } },
                    },
                ],
            },
        };
}
