using k8s;
using k8s.Models;
using MeshOperator.Snapshots;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests;

/// <summary>Which pods are found whose proxy is to end.</summary>
public sealed class CompletedPodTests
{
    private const string Ended = "terminated: {exitCode: 0}";
    private const string Failed = "terminated: {exitCode: 3}";
    private const string Running = "running: {}";
    private const string Waiting = "waiting: {reason: CrashLoopBackOff}";

    [Theory]
    [InlineData("OnFailure", Ended, Ended, true)]
    [InlineData("OnFailure", Ended, Failed, false)]
    [InlineData("OnFailure", Ended, Running, false)]
    [InlineData("OnFailure", Ended, Waiting, false)]
    [InlineData("Never", Ended, Failed, true)]
    [InlineData("Never", Failed, Failed, true)]
    [InlineData("Never", Ended, Running, false)]
    [InlineData("Always", Ended, Ended, false)]
    public void A_pod_is_found_once_all_other_containers_have_ended_for_good(string restartPolicy, string one, string two, bool isFound) =>
        IsFound(Pod(restartPolicy, one, two)).ShouldBe(isFound);

    [Fact]
    public void A_pod_that_is_being_deleted_is_left_to_the_kubelet()
    {
        var pod = Pod("Never", Ended, Ended);
        pod.Metadata.DeletionTimestamp = DateTime.UnixEpoch;
        IsFound(pod).ShouldBeFalse();
    }

    [Fact]
    public void A_pod_whose_proxy_does_not_take_the_order_is_not_found()
    {
        var pod = Pod("Never", Ended, Ended);
        pod.Metadata.Annotations = null;
        IsFound(pod).ShouldBeFalse();
    }

    [Fact]
    public void A_pod_whose_proxy_has_ended_is_not_found() => IsFound(Pod("Never", Ended, Ended, proxy: Ended)).ShouldBeFalse();

    /// <summary>Of a whole pod and of what is kept of it.</summary>
    private static bool IsFound(V1Pod pod)
    {
        var isFound = CompletedPod.IsFound(pod);
        RecordReader.Trim(pod);
        CompletedPod.IsFound(pod).ShouldBe(isFound);
        return isFound;
    }

    private static V1Pod Pod(string restartPolicy, string one, string two, string proxy = Running) =>
        KubernetesYaml.Deserialize<V1Pod>(
            $$"""
            metadata:
              name: job
              namespace: shop
              labels: {meshoperator.io/proxy: envoy}
              annotations: {meshoperator.io/completion: operator}
            spec:
              restartPolicy: {{restartPolicy}}
              initContainers: [{name: mesh-init}]
              containers: [{name: mesh-proxy}, {name: one}, {name: two}]
            status:
              phase: Running
              initContainerStatuses: [{name: mesh-init, state: { {{Failed}} } }]
              containerStatuses:
              - {name: mesh-proxy, state: { {{proxy}} } }
              - {name: one, state: { {{one}} } }
              - {name: two, state: { {{two}} } }
            """
        );
}
