using k8s;
using k8s.Models;
using Shouldly;
using Xunit;

namespace MeshOperator.Injection.Tests;

/// <summary>Which pods get the sidecar, and what the others report.</summary>
public sealed class EligibilityTests
{
    private const string Container = "{name: app, image: app:1}";

    [Theory]
    [InlineData(
        "{metadata: {labels: {meshoperator.io/inject: 'false'}}, spec: {containers: [" + Container + "]}}",
        "shop",
        "label meshoperator.io/inject is \"false\""
    )]
    [InlineData("{spec: {containers: [" + Container + "]}}", "kube-system", "kube-system")]
    [InlineData("{spec: {containers: [" + Container + "]}}", "kube-public", "kube-public")]
    [InlineData("{spec: {containers: [" + Container + "]}}", "kube-node-lease", "kube-node-lease")]
    [InlineData("{spec: {containers: [" + Container + "]}}", "mesh-system", "operator's own namespace")]
    [InlineData(
        "{metadata: {annotations: {kubernetes.io/config.mirror: x}}, spec: {containers: [" + Container + "]}}",
        "shop",
        "static pod"
    )]
    [InlineData(
        "{spec: {containers: [" + Container + "], initContainers: [{name: mesh-proxy, image: envoy:1}]}}",
        "shop",
        "already has the sidecar"
    )]
    public void Some_pods_stay_exactly_as_they_are(string yaml, string ns, string reason)
    {
        var pod = KubernetesYaml.Deserialize<V1Pod>(yaml);
        var before = KubernetesJson.Serialize(pod);
        var outcome = new SidecarInjector(new InjectionOptions()).Inject(pod, ns);
        outcome.IsInjected.ShouldBeFalse();
        outcome.Reason.ShouldNotBeNull().ShouldContain(reason);
        KubernetesJson.Serialize(pod).ShouldBe(before);
    }

    [Theory]
    [InlineData(
        "{spec: {hostNetwork: true, containers: [" + Container + "]}}",
        "the pod uses the host's network, which a sidecar must not redirect"
    )]
    [InlineData(
        "{spec: {os: {name: windows}, containers: [" + Container + "]}}",
        "the pod runs on Windows, for which there is no redirection"
    )]
    [InlineData(
        "{spec: {nodeSelector: {kubernetes.io/os: windows}, containers: [" + Container + "]}}",
        "the pod runs on Windows, for which there is no redirection"
    )]
    public void A_pod_that_cannot_have_the_sidecar_says_why(string yaml, string reason)
    {
        var result = InjectedPod.Try(yaml);
        result.Outcome.IsInjected.ShouldBeFalse();
        result.Outcome.IsRefused.ShouldBeFalse();
        result.Pod.Metadata.Annotations.ShouldHaveSingleItem().ShouldBe(KeyValuePair.Create("meshoperator.io/not-injected", reason));
        result.Pod.Spec.Containers.ShouldHaveSingleItem();
    }

    [Theory]
    [InlineData(
        "securityContext: {runAsUser: 1337}, containers: [" + Container + "]",
        "spec.securityContext.runAsUser: 1337 is the proxy's"
    )]
    [InlineData(
        "securityContext: {runAsGroup: 1337}, containers: [" + Container + "]",
        "spec.securityContext.runAsGroup: 1337 is the proxy's"
    )]
    [InlineData(
        "containers: [{name: app, image: app:1, securityContext: {runAsUser: 1337}}]",
        "spec.containers[app].securityContext.runAsUser: 1337 is the proxy's"
    )]
    [InlineData(
        "initContainers: [{name: first, image: a:1, securityContext: {runAsGroup: 1337}}], containers: [" + Container + "]",
        "spec.initContainers[first].securityContext.runAsGroup"
    )]
    [InlineData(
        "containers: [{name: app, image: app:1, ports: [{containerPort: 15006}]}]",
        "spec.containers[app].ports: the proxy listens on 15006"
    )]
    [InlineData("containers: [" + Container + ", {name: mesh-init, image: a:1}]", "the name mesh-init is reserved for the mesh")]
    [InlineData("volumes: [{name: mesh-admin}], containers: [" + Container + "]", "the name mesh-admin is reserved for the mesh")]
    [InlineData("volumes: [{name: mesh-token}], containers: [" + Container + "]", "the name mesh-token is reserved for the mesh")]
    public void What_would_break_the_sidecar_is_refused_with_what_to_change(string spec, string reason)
    {
        var result = InjectedPod.Try($"{{spec: {{{spec}}}}}");
        result.Outcome.IsRefused.ShouldBeTrue();
        result.Outcome.Reason.ShouldNotBeNull().ShouldContain(reason);
    }
}
