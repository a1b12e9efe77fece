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

    [Theory]
    [InlineData(0, 0, "proxy")]
    [InlineData(2, 0, "proxy")]
    [InlineData(3, 1, null)]
    public void Nothing_is_said_of_pods_that_are_well_or_that_the_proxy_does_not_listen_for(int restarts, int exitCode, string? mode) =>
        BindFailure.Find(Pod(restarts, exitCode, mode)).ShouldBeNull();

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
