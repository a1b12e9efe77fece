using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using k8s;
using k8s.Models;
using Shouldly;
using Xunit;

namespace MeshOperator.Injection.Tests;

public sealed class SidecarInjectorTests
{
    private readonly SidecarInjector _injector = new(
        new InjectionOptions { Version = "1.2.3", DiscoveryAddress = "mesh-operator.mesh-system.svc:15012" }
    );

    [Fact]
    public void The_sidecar_comes_with_its_bootstrap_token_and_trust_bundle()
    {
        var pod = Pod();
        _injector.Inject(pod, "shop").IsInjected.ShouldBeTrue();

        var proxy = InjectedPod.Proxy(pod);
        proxy.Args[0].ShouldBe("--config-yaml");
        var bootstrap = JsonNode.Parse(proxy.Args[1])!;
        ((string)bootstrap["node"]!["id"]!).ShouldBe("$(POD_NAME).shop");
        ((string)bootstrap["node"]!["cluster"]!).ShouldBe("web.shop");
        proxy
            .Env.Where(e => e.ValueFrom is not null)
            .Select(e => $"{e.Name}={e.ValueFrom.FieldRef.FieldPath}")
            .ShouldBe(["POD_NAME=metadata.name", "POD_UID=metadata.uid", "POD_IP=status.podIP"]);
        var google = bootstrap["dynamic_resources"]!["ads_config"]!["grpc_services"]![0]!["google_grpc"]!;
        ((string)google["target_uri"]!).ShouldBe("mesh-operator.mesh-system.svc:15012");

        var token = pod.Spec.Volumes.Single(v => v.Name == "mesh-token").Projected.Sources.ShouldHaveSingleItem().ServiceAccountToken;
        token.Audience.ShouldBe("meshoperator.io");
        pod.Spec.Volumes.Single(v => v.Name == "mesh-trust").ConfigMap.Name.ShouldBe("mesh-trust-bundle");
        proxy.VolumeMounts.Select(m => $"{m.Name} {m.ReadOnlyProperty}").ShouldBe(["mesh-token True", "mesh-trust True", "mesh-admin "]);
        pod.Metadata.Labels["meshoperator.io/proxy"].ShouldBe("envoy");
        ((string)JsonNode.Parse(pod.Metadata.Annotations["meshoperator.io/status"])!["version"]!).ShouldBe("1.2.3");
    }

    [Theory]
    [InlineData(
        "cluster.outbound/80/shop/web.upstream_rq_2xx",
        "direction=outbound destination_port=80 destination_namespace=shop destination_service=web"
    )]
    [InlineData(
        "http.outbound/80/shop/web.downstream_rq_5xx",
        "direction=outbound destination_port=80 destination_namespace=shop destination_service=web"
    )]
    [InlineData(
        "tcp.outbound/5432/shop/db.downstream_cx_total",
        "direction=outbound destination_port=5432 destination_namespace=shop destination_service=db"
    )]
    [InlineData("http.inbound/8080.downstream_rq_2xx", "direction=inbound destination_port=8080")]
    [InlineData("cluster.passthrough.upstream_cx_total", "")]
    public void Statistics_are_tagged_with_what_they_are_about(string statistic, string expected)
    {
        var pod = Pod();
        pod.Metadata.Labels = new Dictionary<string, string> { ["app"] = "web", ["version"] = "v2" };
        _injector.Inject(pod, "shop");
        var tags = JsonNode.Parse(InjectedPod.Proxy(pod).Args[1])!["stats_config"]!["stats_tags"]!.AsArray();

        string.Join(
                ' ',
                tags.Where(t => t!["regex"] is not null)
                    .Select(t =>
                        (Name: (string)t!["tag_name"]!, Match: Regex.Match(statistic, (string)t["regex"]!, RegexOptions.ECMAScript))
                    )
                    .Where(t => t.Match.Success)
                    .Select(t => $"{t.Name}={t.Match.Groups[2].Value}")
            )
            .ShouldBe(expected);
        string.Join(' ', tags.Where(t => t!["fixed_value"] is not null).Select(t => $"{t!["tag_name"]}={t["fixed_value"]}"))
            .ShouldBe("workload=web workload_namespace=shop workload_version=v2");
        InjectedPod
            .Proxy(pod)
            .Env.Single(e => e.Name == "OTEL_RESOURCE_ATTRIBUTES")
            .Value.ShouldBe("service.name=web,service.namespace=shop,k8s.pod.name=$(POD_NAME),k8s.namespace.name=shop,service.version=v2");
    }

    [Fact]
    public void The_proxy_has_no_rights_that_it_does_not_need()
    {
        var pod = Pod();
        _injector.Inject(pod, "shop");
        var security = InjectedPod.Proxy(pod).SecurityContext;
        security.RunAsUser.ShouldBe(1337);
        security.RunAsNonRoot.ShouldBe(true);
        security.ReadOnlyRootFilesystem.ShouldBe(true);
        security.AllowPrivilegeEscalation.ShouldBe(false);
        security.Capabilities.Drop.ShouldBe(["ALL"]);
        security.SeccompProfile.Type.ShouldBe("RuntimeDefault");
    }

    [Fact]
    public void Injected_again_a_pod_stays_as_it_is()
    {
        var pod = Pod();
        _injector.Inject(pod, "shop");
        var once = KubernetesJson.Serialize(pod);
        _injector.Inject(pod, "shop").IsInjected.ShouldBeFalse();
        KubernetesJson.Serialize(pod).ShouldBe(once);
    }

    [Fact]
    public void Annotations_set_up_the_proxy_and_one_does_not_drop_the_other_defaults()
    {
        var pod = Pod();
        pod.Metadata.Annotations = new Dictionary<string, string>
        {
            ["meshoperator.io/proxy-cpu"] = "250m",
            ["meshoperator.io/proxy-memory-limit"] = "1Gi",
            ["meshoperator.io/proxy-image"] = "registry.example.com/envoy:1",
        };
        _injector.Inject(pod, "shop");
        var proxy = InjectedPod.Proxy(pod);
        proxy.Resources.Requests["cpu"].ToString().ShouldBe("250m");
        proxy.Resources.Requests["memory"].ToString().ShouldBe("80Mi");
        proxy.Resources.Limits["memory"].ToString().ShouldBe("1Gi");
        proxy.Image.ShouldBe("registry.example.com/envoy:1");
    }

    [Fact]
    public void A_malformed_annotation_refuses_the_pod_with_the_annotations_name()
    {
        var pod = Pod();
        pod.Metadata.Annotations = new Dictionary<string, string> { ["meshoperator.io/proxy-cpu"] = "fast" };
        var outcome = _injector.Inject(pod, "shop");
        outcome.IsRefused.ShouldBeTrue();
        outcome.Reason.ShouldNotBeNull().ShouldContain("meshoperator.io/proxy-cpu");
        outcome.Reason.ShouldContain("'fast'");
    }

    private static V1Pod Pod() =>
        new()
        {
            Metadata = new V1ObjectMeta { GenerateName = "web-" },
            Spec = new V1PodSpec
            {
                ServiceAccountName = "web",
                Containers = [new V1Container { Name = "app", Image = "registry.example.com/web:1" }],
            },
        };
}
