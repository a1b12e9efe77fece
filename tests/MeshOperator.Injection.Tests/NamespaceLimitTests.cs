using k8s;
using k8s.Models;
using Shouldly;
using Xunit;

namespace MeshOperator.Injection.Tests;

/// <summary>What a namespace's LimitRange and ResourceQuota say of a pod with the sidecar, by the arithmetic of Kubernetes' admission
/// (plugins LimitRanger and ResourceQuota), which the API server of the tests does not have. The built-in plugins run again after a
/// webhook has changed a pod, so its containers are judged like any other.</summary>
public sealed class NamespaceLimitTests
{
    private const string App = "containers: [{name: app, resources: {requests: {cpu: '1', memory: 1Gi}, limits: {cpu: '2', memory: 2Gi}}}]";
    private const string Limits = "meshoperator.io/proxy-cpu-limit: 500m, meshoperator.io/proxy-memory-limit: 256Mi";

    [Theory]
    // What a pod without the sidecar may do, one with it may.
    [InlineData("{max: {cpu: '2', memory: 2Gi}, default: {cpu: '1', memory: 1Gi}}", "", "")]
    [InlineData("{defaultRequest: {cpu: '1', memory: 1Gi}}", "", "")]
    // It requests little, and a least amount can be more.
    [InlineData("{min: {cpu: 100m}}", "", "mesh-init: cpu request 50m < 100m, mesh-proxy: cpu request 50m < 100m")]
    [InlineData("{min: {cpu: 100m}}", "meshoperator.io/proxy-cpu: 100m", "")]
    [InlineData("{min: {memory: 128Mi}}", "meshoperator.io/proxy-memory: 128Mi", "")]
    // Without a limit it gets the namespace's.
    [InlineData(
        "{default: {memory: 64Mi}}",
        "",
        "mesh-init: memory request 80Mi > limit 64Mi, mesh-proxy: memory request 80Mi > limit 64Mi"
    )]
    [InlineData("{default: {memory: 64Mi}}", "meshoperator.io/proxy-memory-limit: 128Mi", "")]
    [InlineData("{default: {memory: 64Mi}}", "meshoperator.io/proxy-memory: 60Mi", "")]
    [InlineData("{max: {cpu: '2'}}", "meshoperator.io/proxy-cpu-limit: '1'", "")]
    public void A_limit_range_is_kept_with_the_annotations_that_it_needs(string range, string annotations, string violations)
    {
        foreach (var native in new[] { "true", "false" })
        {
            var pod = Inject($"{{meshoperator.io/native-sidecar: '{native}'{Comma(annotations)}}}", App);

            string.Join(", ", Violations(pod, KubernetesYaml.Deserialize<V1LimitRangeItem>(range)).Order(StringComparer.Ordinal))
                .ShouldBe(violations);
        }
    }

    [Theory]
    [InlineData("requests.cpu, requests.memory", "", "")]
    [InlineData("limits.cpu", "", "mesh-init: limits.cpu, mesh-proxy: limits.cpu")]
    [InlineData("limits.cpu, limits.memory, requests.cpu, requests.memory", Limits, "")]
    public void A_quota_finds_what_it_counts_at_each_container(string counted, string annotations, string missing)
    {
        var pod = Inject($"{{{annotations}}}", App);

        string.Join(
                ", ",
                from container in Containers(pod)
                from resource in counted.Split(", ")
                where Amount(container, resource) is null
                orderby container.Name
                select $"{container.Name}: {resource}"
            )
            .ShouldBe(missing);
    }

    [Theory]
    [InlineData("true")]
    [InlineData("false")]
    public void A_quota_is_used_by_the_proxy_and_by_nothing_else_of_the_mesh(string native)
    {
        var pod = Inject($"{{meshoperator.io/native-sidecar: '{native}', {Limits}}}", App);

        Used(pod, "requests.cpu").ShouldBe(1.05m);
        Used(pod, "limits.cpu").ShouldBe(2.5m);
        Used(pod, "limits.memory").ShouldBe((2048 + 256) * 1024m * 1024);
    }

    private static V1Pod Inject(string annotations, string spec) =>
        InjectedPod.From($"{{metadata: {{annotations: {annotations}}}, spec: {{{spec}}}}}").Pod;

    private static string Comma(string annotations) => annotations.Length == 0 ? string.Empty : $", {annotations}";

    private static IEnumerable<V1Container> Containers(V1Pod pod) => pod.Spec.Containers.Concat(pod.Spec.InitContainers ?? []);

    /// <summary>An amount as quotas name it, for example <c>limits.cpu</c>; null without one.</summary>
    private static decimal? Amount(V1Container container, string resource)
    {
        var parts = resource.Split('.');
        return Amount(parts[0] == "limits" ? container.Resources?.Limits : container.Resources?.Requests, parts[1])?.ToDecimal();
    }

    private static ResourceQuantity? Amount(IDictionary<string, ResourceQuantity>? amounts, string name) =>
        amounts?.TryGetValue(name, out var amount) == true ? amount : null;

    /// <summary>What a pod uses of a quota: as much as runs at once at most. An init container runs beside the native sidecars before
    /// it.</summary>
    private static decimal Used(V1Pod pod, string resource)
    {
        var (sidecars, most) = (0m, 0m);
        foreach (var container in pod.Spec.InitContainers ?? [])
        {
            var amount = Amount(container, resource) ?? 0;
            if (container.RestartPolicy == "Always")
                sidecars += amount;
            else
                most = Math.Max(most, sidecars + amount);
        }

        return Math.Max(most, sidecars + pod.Spec.Containers.Sum(container => Amount(container, resource) ?? 0));
    }

    /// <summary>What LimitRanger, and then the validation of pods, say of a pod's containers.</summary>
    private static IEnumerable<string> Violations(V1Pod pod, V1LimitRangeItem range)
    {
        foreach (var container in Containers(pod))
        {
            foreach (var resource in new[] { "cpu", "memory" })
            {
                var limit =
                    Amount(container.Resources?.Limits, resource) ?? Amount(range.DefaultProperty, resource) ?? Amount(range.Max, resource);
                var request = Amount(container.Resources?.Requests, resource) ?? Amount(range.DefaultRequest, resource) ?? limit;
                if (Amount(range.Min, resource) is { } min && (request is null || request.ToDecimal() < min.ToDecimal()))
                    yield return $"{container.Name}: {resource} request {request} < {min}";
                if (Amount(range.Max, resource) is { } max && (limit is null || limit.ToDecimal() > max.ToDecimal()))
                    yield return $"{container.Name}: {resource} limit {limit} > {max}";
                if (limit is not null && request is not null && request.ToDecimal() > limit.ToDecimal())
                    yield return $"{container.Name}: {resource} request {request} > limit {limit}";
            }
        }
    }
}
