using Shouldly;
using Xunit;

namespace MeshOperator.Injection.Tests;

/// <summary>What annotations and the operator's options set.</summary>
public sealed class SettingsTests
{
    [Theory]
    [InlineData("proxy-cpu", "fast", "is no quantity")]
    [InlineData("proxy-memory", "-1Mi", "is no quantity")]
    [InlineData("proxy-image", "envoy 1", "is no image")]
    [InlineData("proxy-log-level", "loud", "is no level: write one of trace, debug, info, warning, error, critical, off")]
    [InlineData("image-pull-secrets", "a,B", "is no name of a Secret")]
    [InlineData("exclude-inbound-ports", "80,http", "is no port")]
    [InlineData("exclude-outbound-ports", "0", "is no port")]
    [InlineData("exclude-outbound-ports", "65536", "is no port")]
    [InlineData("exclude-outbound-ports", "80; nft flush ruleset", "is no port")]
    [InlineData("exclude-outbound-cidrs", "10.1.0.0/33", "is no network")]
    [InlineData("exclude-outbound-cidrs", "localhost", "is no network")]
    [InlineData("exclude-outbound-cidrs", "7", "is no network")]
    [InlineData("upstreams", "web, Shop/web", "has 'Shop/web', which is no service")]
    [InlineData("native-sidecar", "yes", "is neither \"true\" nor \"false\"")]
    [InlineData("interception", "tproxy", "write redirect, cni or none")]
    public void A_malformed_annotation_refuses_the_pod_with_its_name_and_how_it_is_written(string name, string value, string advice)
    {
        var outcome = InjectedPod.Try(Pod(name, value)).Outcome;
        outcome.IsRefused.ShouldBeTrue();
        outcome.Reason.ShouldNotBeNull().ShouldContain($"metadata.annotations[meshoperator.io/{name}]: '");
        outcome.Reason.ShouldContain(advice);
    }

    [Fact]
    public void The_operators_own_settings_are_read_by_the_same_rules()
    {
        new InjectionOptions().Problem.ShouldBeNull();
        new InjectionOptions { ExcludeOutboundCidrs = "10.0.0.0/8, fd00::/8", ImagePullSecrets = "one,two", ProxyCpuLimit = "2" }.Problem.ShouldBeNull();
        new InjectionOptions { Interception = "magic" }.Problem.ShouldNotBeNull().ShouldContain("'magic' is no way of interception");
        new InjectionOptions { ProxyImage = string.Empty }.Problem.ShouldNotBeNull().ShouldContain("is no image");
    }

    [Fact]
    public void An_annotation_that_there_is_not_is_warned_of_and_the_others_take_effect()
    {
        var injected = InjectedPod.From("{metadata: {annotations: {meshoperator.io/proxy-cpus: '1', meshoperator.io/inject: 'true', example.com/x: y}}, spec: {containers: [{name: app, image: app:1}]}}");
        injected.Outcome.Warnings.Count.ShouldBe(2);
        injected.Outcome.Warnings[0].ShouldBe("metadata.annotations[meshoperator.io/inject]: this is a label, and has no effect as an annotation");
        injected.Outcome.Warnings[1].ShouldStartWith("metadata.annotations[meshoperator.io/proxy-cpus]: there is no such setting; there are proxy-cpu, proxy-memory,");
    }

    [Fact]
    public void A_label_that_says_neither_yes_nor_no_is_warned_of() =>
        InjectedPod.From("{metadata: {labels: {meshoperator.io/inject: 'yes'}}, spec: {containers: [{name: app, image: app:1}]}}")
            .Outcome.Warnings.ShouldHaveSingleItem().ShouldContain("'yes' is neither");

    [Fact]
    public void Excluded_ports_and_networks_are_handed_to_the_init_container_in_one_form()
    {
        var injected = InjectedPod.From("""
            metadata:
              annotations:
                meshoperator.io/exclude-inbound-ports: " 22, 9090,22 "
                meshoperator.io/exclude-outbound-cidrs: 10.1.2.3/16,192.0.2.7,fd00:0::/8
            spec: {containers: [{name: app, image: app:1}]}
            """);
        injected.Container("mesh-init").Env.Select(e => $"{e.Name}={e.Value}")
            .ShouldBe(["MESH_EXCLUDE_INBOUND_PORTS=22,9090", "MESH_EXCLUDE_OUTBOUND_CIDRS=10.1.0.0/16,192.0.2.7/32,fd00::/8"]);
    }

    [Fact]
    public void An_annotation_wins_over_the_operators_setting_and_an_empty_list_takes_it_away()
    {
        var options = new InjectionOptions { ProxyLogLevel = "debug", ExcludeOutboundPorts = "25", ImagePullSecrets = "registry" };
        var plain = InjectedPod.From("spec: {imagePullSecrets: [{name: own}], containers: [{name: app, image: app:1}]}", options);
        InjectedPod.Proxy(plain.Pod).Args.ShouldContain("debug");
        plain.Container("mesh-init").Env.ShouldHaveSingleItem().Value.ShouldBe("25");
        plain.Pod.Spec.ImagePullSecrets.Select(s => s.Name).ShouldBe(["own", "registry"]);

        var own = InjectedPod.From(
            "{metadata: {annotations: {meshoperator.io/exclude-outbound-ports: '', meshoperator.io/proxy-log-level: error}}, spec: {imagePullSecrets: [{name: registry}], containers: [{name: app, image: app:1}]}}",
            options);
        InjectedPod.Proxy(own.Pod).Args.ShouldContain("error");
        own.Container("mesh-init").Env.ShouldBeNull();
        own.Pod.Spec.ImagePullSecrets.ShouldHaveSingleItem();
    }

    [Fact]
    public void A_limit_below_the_default_request_lowers_it()
    {
        var resources = InjectedPod.Proxy(InjectedPod.From(Pod("proxy-memory-limit", "48Mi")).Pod).Resources;
        resources.Requests["memory"].ToString().ShouldBe("48Mi");
        resources.Requests["cpu"].ToString().ShouldBe("50m");
    }

    [Theory]
    [InlineData("redirect", true)]
    [InlineData("cni", false)]
    [InlineData("none", false)]
    public void The_init_container_is_there_only_where_it_sets_the_rules(string interception, bool expected)
    {
        var injected = InjectedPod.From(Pod("interception", interception));
        injected.Pod.Spec.InitContainers.Any(c => c.Name == "mesh-init").ShouldBe(expected);
        ((string)injected.Bootstrap["node"]!["metadata"]!["interception"]!).ShouldBe(interception);
    }

    private static string Pod(string annotation, string value) => $$"""
        metadata:
          annotations:
            meshoperator.io/{{annotation}}: '{{value}}'
        spec:
          containers:
          - {name: app, image: "app:1"}
        """;
}
