using k8s.Models;
using Shouldly;
using Xunit;

namespace MeshOperator.Injection.Tests;

/// <summary>What a pod needs and is worth to the node, by the arithmetic of Kubernetes.</summary>
public sealed class ResourceTests
{
    private const string Fixed = "{requests: {cpu: '2', memory: 1Gi}, limits: {cpu: '2', memory: 1Gi}}";

    private const string FixedProxy =
        "meshoperator.io/proxy-cpu: 500m, meshoperator.io/proxy-cpu-limit: 500m, meshoperator.io/proxy-memory: 128Mi, "
        + "meshoperator.io/proxy-memory-limit: 128Mi";

    [Theory]
    [InlineData("true")]
    [InlineData("false")]
    public void A_pod_stays_guaranteed_when_the_proxys_requests_are_its_limits(string native)
    {
        var pod = Inject(
            $"{{{FixedProxy}, meshoperator.io/native-sidecar: '{native}'}}",
            $"containers: [{{name: app, resources: {Fixed}}}]"
        );

        Class(pod.Spec).ShouldBe("Guaranteed");
    }

    [Fact]
    public void The_init_container_needs_no_more_than_the_proxy_and_costs_nothing()
    {
        var pod = Inject("{}", "containers: [{name: app}]");

        Requests(Init(pod)).ShouldBe("cpu=50m,memory=80Mi");
        Limits(Init(pod)).ShouldBeEmpty();
    }

    [Fact]
    public void The_init_container_has_resources_of_its_own_by_annotation_and_by_option()
    {
        var options = new InjectionOptions { InitCpu = "20m", InitMemoryLimit = "48Mi" };
        var pod = InjectedPod
            .From(
                "{metadata: {annotations: {meshoperator.io/init-cpu-limit: 200m, meshoperator.io/init-memory: 32Mi}}, "
                    + "spec: {containers: [{name: app, image: app:1}]}}",
                options
            )
            .Pod;

        Requests(Init(pod)).ShouldBe("cpu=20m,memory=32Mi");
        Limits(Init(pod)).ShouldBe("cpu=200m,memory=48Mi");
        Requests(InjectedPod.Proxy(pod)).ShouldBe("cpu=50m,memory=80Mi");
    }

    [Fact]
    public void An_amount_that_is_none_is_refused_by_its_name() =>
        InjectedPod
            .Try("{metadata: {annotations: {meshoperator.io/init-cpu: much}}, spec: {containers: [{name: app, image: app:1}]}}")
            .Outcome.Reason!.ShouldStartWith("metadata.annotations[meshoperator.io/init-cpu]: 'much' ");

    [Theory]
    [InlineData("{requests: {cpu: '1', memory: 1Gi}}", "cpu=1050m,memory=1104Mi", "")]
    [InlineData("{requests: {cpu: '1'}, limits: {cpu: '2', memory: 2Gi}}", "cpu=1050m", "cpu=2050m,memory=2128Mi")]
    [InlineData(
        "{requests: {cpu: '1', memory: 1Gi}, limits: {cpu: '1', memory: 1Gi}}",
        "cpu=1050m,memory=1104Mi",
        "cpu=1050m,memory=1104Mi"
    )]
    public void Resources_of_the_pod_as_a_whole_grow_by_what_the_proxy_needs(string whole, string requests, string limits)
    {
        var pod = Inject("{}", $"resources: {whole}, containers: [{{name: app}}]");

        Text(pod.Spec.Resources.Requests).ShouldBe(requests);
        Text(pod.Spec.Resources.Limits).ShouldBe(limits);
        // The API server refuses a pod whose containers request more than the pod.
        Requested(pod, "cpu").ShouldBeLessThanOrEqualTo(pod.Spec.Resources.Requests["cpu"].ToDecimal());
    }

    [Theory]
    [InlineData("dnsPolicy: Default", "spec.dnsPolicy: with Default")]
    [InlineData("dnsPolicy: None, dnsConfig: {nameservers: [10.96.0.10]}", "spec.dnsConfig.searches: without the cluster's domain")]
    [InlineData("dnsPolicy: None, dnsConfig: {nameservers: [10.96.0.10], searches: [cluster.local]}", null)]
    [InlineData("dnsPolicy: ClusterFirst", null)]
    [InlineData("hostAliases: [{ip: 10.0.0.1, hostnames: [model.shop.svc]}]", null)]
    [InlineData(
        "dnsPolicy: Default, hostAliases: [{ip: 10.96.0.99, hostnames: [mesh-operator.mesh-system.svc]}]",
        "spec.hostAliases: mesh-operator.mesh-system.svc is 10.96.0.99 for this pod"
    )]
    public void A_pod_that_does_not_find_the_operator_is_warned_of(string spec, string? warning)
    {
        var warnings = InjectedPod.From($"{{spec: {{{spec}, containers: [{{name: app, image: app:1}}]}}}}").Outcome.Warnings;

        if (warning is null)
            warnings.ShouldBeEmpty();
        else
            warnings.ShouldHaveSingleItem().ShouldStartWith(warning);
    }

    private static V1Pod Inject(string annotations, string spec) =>
        InjectedPod.From($"{{metadata: {{annotations: {annotations}}}, spec: {{{spec}}}}}").Pod;

    private static V1Container Init(V1Pod pod) => pod.Spec.InitContainers.Single(container => container.Name == "mesh-init");

    private static string Requests(V1Container container) => Text(container.Resources.Requests);

    private static string Limits(V1Container container) => Text(container.Resources.Limits);

    private static string Text(IDictionary<string, ResourceQuantity>? amounts) =>
        string.Join(',', (amounts ?? new Dictionary<string, ResourceQuantity>()).Select(a => $"{a.Key}={a.Value}"));

    /// <summary>The sum over containers and native sidecars.</summary>
    private static decimal Requested(V1Pod pod, string resource) =>
        pod
            .Spec.Containers.Concat(pod.Spec.InitContainers.Where(container => container.RestartPolicy == "Always"))
            .Sum(container => container.Resources?.Requests?.TryGetValue(resource, out var amount) == true ? amount.ToDecimal() : 0);

    /// <summary>The QoS class: guaranteed when every container, init containers too, has limits of CPU and memory that are its
    /// requests.</summary>
    private static string Class(V1PodSpec pod)
    {
        var containers = pod.Containers.Concat(pod.InitContainers ?? []).ToList();
        bool IsFixed(V1Container container, string resource) =>
            container.Resources?.Limits?.TryGetValue(resource, out var limit) == true
            && container.Resources.Requests?.TryGetValue(resource, out var request) == true
            && limit.ToDecimal() == request.ToDecimal();
        return containers.TrueForAll(container => IsFixed(container, "cpu") && IsFixed(container, "memory")) ? "Guaranteed" : "Burstable";
    }
}
