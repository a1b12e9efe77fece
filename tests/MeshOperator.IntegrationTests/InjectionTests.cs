using System.Text;
using k8s.Models;
using MeshOperator.Injection;
using MeshOperator.IntegrationTests.Support;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.IntegrationTests;

public sealed class InjectionTests(TestCluster cluster)
{
    [Fact]
    public async Task Pods_of_a_labelled_namespace_come_back_with_the_sidecar_unless_they_opt_out()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await TestNamespace.CreateAsync(cluster, injected: true);

        Containers(await ns.PodAsync("in", "a")).ShouldBe(["mesh-init", "mesh-proxy", "app"]);
        Containers(await ns.PodAsync("out", "a", podLabel: "false")).ShouldBe(["app"]);
        var injected = await ns.PodAsync("labelled", "a", podLabel: "true");
        injected.Metadata.Labels["meshoperator.io/proxy"].ShouldBe("envoy");
        injected.Spec.Volumes.ShouldContain(v => v.Name == "mesh-token");
    }

    [Fact]
    public async Task A_pods_label_opts_in_where_its_namespace_does_not()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await TestNamespace.CreateAsync(cluster);

        Containers(await ns.PodAsync("plain", "a")).ShouldBe(["app"]);
        Containers(await ns.PodAsync("labelled", "a", podLabel: "true")).ShouldBe(["mesh-init", "mesh-proxy", "app"]);
    }

    [Fact]
    public async Task A_pod_that_is_created_from_an_injected_one_is_not_injected_again()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await TestNamespace.CreateAsync(cluster, injected: true);
        var pod = await ns.PodAsync("one", "a");
        var copy = await cluster
            .Entities<V1Pod>()
            .CreateAsync(
                new V1Pod
                {
                    Metadata = new V1ObjectMeta
                    {
                        Name = "two",
                        NamespaceProperty = ns.Name,
                        Labels = pod.Metadata.Labels,
                        Annotations = pod.Metadata.Annotations,
                    },
                    Spec = new V1PodSpec
                    {
                        InitContainers = pod.Spec.InitContainers,
                        Containers = pod.Spec.Containers,
                        Volumes = pod.Spec.Volumes,
                    },
                },
                TestContext.Current.CancellationToken
            );
        Containers(copy).ShouldBe(["mesh-init", "mesh-proxy", "app"]);
        copy.Spec.Volumes.Count(v => v.Name == "mesh-token").ShouldBe(1);
    }

    [Fact]
    public async Task A_malformed_annotation_refuses_the_pod_and_says_which()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await TestNamespace.CreateAsync(cluster, injected: true);
        var error = await Should.ThrowAsync<KubernetesApiException>(() =>
            cluster.ApplyAsync(
                $$"""
                apiVersion: v1
                kind: Pod
                metadata: {annotations: {meshoperator.io/proxy-cpu: fast}, name: bad, namespace: "{{ns.Name}}" }
                spec: {containers: [{name: app, image: registry.example.com/app:1}]}
                """
            )
        );
        error.Message.ShouldContain("admission webhook \"namespace.injection.meshoperator.io\" denied the request");
        error.Message.ShouldContain("metadata.annotations[meshoperator.io/proxy-cpu]: 'fast' is not a quantity");
    }

    [Fact]
    public async Task Sidecars_are_classic_where_the_operator_is_set_so()
    {
        await using var mesh = await TestOperator.StartAsync(
            cluster,
            options => options with { Injection = options.Injection with { NativeSidecars = NativeSidecarMode.Never } }
        );
        await using var ns = await TestNamespace.CreateAsync(cluster, injected: true);
        Containers(await ns.PodAsync("in", "a")).ShouldBe(["mesh-init", "mesh-proxy", "app"]);
        (await ns.PodAsync("another", "a")).Spec.InitContainers.ShouldHaveSingleItem();
    }

    [Fact]
    public async Task A_pod_in_the_hosts_network_is_stored_without_the_sidecar_and_with_the_reason()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await TestNamespace.CreateAsync(cluster, injected: true);
        await cluster.ApplyAsync(
            $$"""
            apiVersion: v1
            kind: Pod
            metadata: {name: host, namespace: {{ns.Name}} }
            spec: {hostNetwork: true, containers: [{name: app, image: registry.example.com/app:1}]}
            """
        );
        var pod = (await cluster.Entities<V1Pod>().GetAsync(new ObjectKey(ns.Name, "host"), TestContext.Current.CancellationToken))!;
        Containers(pod).ShouldBe(["app"]);
        pod.Metadata.Annotations["meshoperator.io/not-injected"].ShouldContain("host's network");
    }

    [Fact]
    public async Task The_trust_bundle_is_in_every_namespace_and_is_the_root_of_the_webhooks_too()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        await using var ns = await TestNamespace.CreateAsync(cluster);
        await Eventually.Succeeds(async () =>
        {
            var bundle = await cluster
                .Entities<V1ConfigMap>()
                .GetAsync(new ObjectKey(ns.Name, "mesh-trust-bundle"), CancellationToken.None);
            (bundle.ShouldNotBeNull().Data["ca.crt"] == mesh.Host.TrustBundle).ShouldBeTrue("the bundle is not the root");
        });
        var webhooks = await cluster
            .Entities<V1MutatingWebhookConfiguration>()
            .GetAsync(new ObjectKey(string.Empty, mesh.Namespace), CancellationToken.None);
        webhooks.ShouldNotBeNull().Webhooks.ShouldAllBe(w => Encoding.ASCII.GetString(w.ClientConfig.CaBundle) == mesh.Host.TrustBundle);
    }

    [Fact]
    public async Task A_ca_bundle_that_someone_changes_is_put_back()
    {
        await using var mesh = await TestOperator.StartAsync(cluster);
        var key = new ObjectKey(string.Empty, mesh.Namespace);
        await Eventually.Succeeds(async () =>
        {
            var current = (
                await cluster.Entities<V1ValidatingWebhookConfiguration>().GetAsync(key, CancellationToken.None)
            ).ShouldNotBeNull();
            current.Webhooks[0].ClientConfig.CaBundle = null;
            await cluster.Entities<V1ValidatingWebhookConfiguration>().ReplaceAsync(current, CancellationToken.None);
        });
        await Eventually.Succeeds(async () =>
            (await cluster.Entities<V1ValidatingWebhookConfiguration>().GetAsync(key, CancellationToken.None))!.Webhooks.ShouldAllBe(w =>
                w.ClientConfig.CaBundle != null && Encoding.ASCII.GetString(w.ClientConfig.CaBundle) == mesh.Host.TrustBundle
            )
        );
    }

    private static IEnumerable<string> Containers(V1Pod pod) =>
        (pod.Spec.InitContainers ?? []).Concat(pod.Spec.Containers).Select(c => c.Name);
}
