using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Snapshots;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests;

public sealed class ProxyUserTests
{
    [Theory]
    [InlineData(1337L, 0L)]
    [InlineData(0L, 1337L)]
    [InlineData(0L, 0L, 5L, 1337L)]
    public void A_container_that_runs_as_the_proxy_is_named(long uid, long gid, params long[] groups)
    {
        var message = ProxyUser.Find(Pod("app", uid, gid, groups)).ShouldHaveSingleItem();
        message.ShouldStartWith("container app runs as the proxy's user or group by its image");
        message.ShouldContain("runAsUser");
    }

    [Fact]
    public void Nothing_is_said_of_others() => ProxyUser.Find(Pod("app", 1000, 1000, 5)).ShouldBeEmpty();

    [Fact]
    public void A_server_that_runs_as_a_native_sidecar_is_found_as_well()
    {
        var pod = Pod("cache", 1337, 1337);
        pod.Spec = new V1PodSpec
        {
            Containers = [new V1Container { Name = "app" }],
            InitContainers = [new V1Container { Name = "cache", RestartPolicy = "Always" }],
        };
        (pod.Status.InitContainerStatuses, pod.Status.ContainerStatuses) = (pod.Status.ContainerStatuses, null);
        RecordReader.Trim(pod);

        ProxyUser.Find(pod).ShouldHaveSingleItem().ShouldStartWith("container cache runs as the proxy's user");
    }

    [Fact]
    public void Nothing_is_said_of_the_proxy() => ProxyUser.Find(Pod("mesh-proxy", 1337, 1337)).ShouldBeEmpty();

    [Fact]
    public void Nothing_is_said_where_the_kubelet_does_not_report_users() => ProxyUser.Find(new V1Pod()).ShouldBeEmpty();

    [Fact]
    public void What_is_kept_of_a_pod_is_enough()
    {
        var pod = Pod("app", 1337, 1337);
        var before = ProxyUser.Find(pod).ToList();
        RecordReader.Trim(pod);
        ProxyUser.Find(pod).ShouldBe(before);
    }

    private static V1Pod Pod(string container, long uid, long gid, params long[] groups) =>
        new()
        {
            Metadata = new V1ObjectMeta
            {
                Name = "web-0",
                NamespaceProperty = "shop",
                Labels = new Dictionary<string, string> { [MeshNames.ProxyLabel] = MeshNames.ProxyEnvoy },
            },
            Status = new V1PodStatus
            {
                ContainerStatuses =
                [
                    new V1ContainerStatus
                    {
                        Name = container,
                        User = new V1ContainerUser
                        {
                            Linux = new V1LinuxContainerUser
                            {
                                Uid = uid,
                                Gid = gid,
                                SupplementalGroups = [.. groups.Select(group => (long?)group)],
                            },
                        },
                    },
                ],
            },
        };
}
