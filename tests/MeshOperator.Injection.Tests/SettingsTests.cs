using Shouldly;
using Xunit;

namespace MeshOperator.Injection.Tests;

/// <summary>What annotations and the operator's options set.</summary>
public sealed class SettingsTests
{
    [Theory]
    [InlineData("proxy-cpu", "fast", "is not a quantity")]
    [InlineData("proxy-memory", "-1Mi", "is not a quantity")]
    [InlineData("proxy-image", "envoy 1", "is not an image reference")]
    [InlineData("proxy-image", "docker.io/envoyproxy/envoy:v1.33.4", "is too old; use Envoy 1.34 or later")]
    [InlineData("proxy-concurrency", "0", "is not a number of threads; use a number from 1 to 128")]
    [InlineData("proxy-statistics", "cluster.a, http .", "is not a prefix of a statistic's name")]
    [InlineData("proxy-max-headers", "many", "is not a number of headers; use one from 100 to 10000")]
    [InlineData("proxy-max-headers", "50", "is not a number of headers; use one from 100 to 10000")]
    [InlineData("proxy-max-header-kib", "16384", "is not a number of KiB; use one from 60 to 8192")]
    [InlineData("proxy-log-level", "loud", "is not a log level; use one of trace, debug, info, warning, error, critical, off")]
    [InlineData("image-pull-secrets", "a,B", "is not the name of a Secret")]
    [InlineData("exclude-inbound-ports", "80,http", "is not a port")]
    [InlineData("exclude-outbound-ports", "0", "is not a port")]
    [InlineData("exclude-outbound-ports", "65536", "is not a port")]
    [InlineData("exclude-outbound-ports", "80; nft flush ruleset", "is not a port")]
    [InlineData("exclude-outbound-cidrs", "10.1.0.0/33", "is not a network")]
    [InlineData("exclude-outbound-cidrs", "localhost", "is not a network")]
    [InlineData("exclude-outbound-cidrs", "7", "is not a network")]
    [InlineData("upstreams", "web, Shop/web", "contains 'Shop/web', which is not a service")]
    [InlineData("native-sidecar", "yes", "is neither \"true\" nor \"false\"")]
    [InlineData("interception", "tproxy", "use redirect, external or none")]
    [InlineData("proxy-address", "10.0.0.7", "is not a loopback address; write one of 127.0.0.0/8")]
    [InlineData("application-address", "", "is not a loopback address; write one of 127.0.0.0/8")]
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
        new InjectionOptions
        {
            ExcludeOutboundCidrs = "10.0.0.0/8, fd00::/8",
            ImagePullSecrets = "one,two",
            ProxyCpuLimit = "2",
        }.Problem.ShouldBeNull();
        new InjectionOptions { Interception = "magic" }
            .Problem.ShouldNotBeNull()
            .ShouldContain("'magic' is not an interception mode");
        new InjectionOptions { ProxyImage = string.Empty }
            .Problem.ShouldNotBeNull()
            .ShouldContain("is not an image reference");
    }

    [Theory]
    [InlineData("registry.example.com/envoyproxy/envoy:v1.34.0")]
    [InlineData("envoyproxy/envoy:distroless-v1.40-latest@sha256:0a1b")]
    [InlineData("registry.example.com/our-proxy:v1.2")]
    [InlineData("registry.example.com/envoy:main")]
    public void An_image_whose_tag_is_of_a_supported_branch_or_unknown_is_accepted(string image) =>
        InjectedPod.Proxy(InjectedPod.From(Pod("proxy-image", image)).Pod).Image.ShouldBe(image);

    [Theory]
    [InlineData("{}", "2")]
    [InlineData("{meshoperator.io/proxy-cpu-limit: 100m}", "1")]
    [InlineData("{meshoperator.io/proxy-cpu-limit: 2500m}", "3")]
    [InlineData("{meshoperator.io/proxy-cpu-limit: '4', meshoperator.io/proxy-concurrency: '1'}", "1")]
    public void Worker_threads_follow_the_cpu_limit_unless_somebody_names_their_number(string annotations, string threads)
    {
        var arguments = InjectedPod
            .Proxy(
                InjectedPod.From($"{{metadata: {{annotations: {annotations}}}, spec: {{containers: [{{name: app, image: app:1}}]}}}}").Pod
            )
            .Args;
        arguments[arguments.IndexOf("--concurrency") + 1].ShouldBe(threads);
        arguments.ShouldNotContain("--cpuset-threads");
    }

    [Theory]
    [InlineData("{}", 500, 96)]
    [InlineData("{meshoperator.io/proxy-max-headers: '1000', meshoperator.io/proxy-max-header-kib: '512'}", 1000, 512)]
    public void Limits_of_headers_are_runtime_values_for_requests_and_answers(string annotations, int headers, int kib)
    {
        var injected = InjectedPod.From(
            $"{{metadata: {{annotations: {annotations}}}, spec: {{containers: [{{name: app, image: app:1}}]}}}}"
        );
        var runtime = injected.Bootstrap["layered_runtime"]!["layers"]![0]!["static_layer"]!;
        foreach (var direction in new[] { "request", "response" })
        {
            ((int?)runtime[$"envoy.reloadable_features.max_{direction}_headers_count"]).ShouldBe(headers);
            ((int?)runtime[$"envoy.reloadable_features.max_{direction}_headers_size_kb"]).ShouldBe(kib);
        }
    }

    [Theory]
    [InlineData("{}", null, null)]
    [InlineData("{meshoperator.io/proxy-address: 127.1.0.7}", "127.1.0.7", null)]
    [InlineData("{meshoperator.io/proxy-address: 127.1.0.7, meshoperator.io/application-address: 127.2.0.7}", "127.1.0.7", "127.2.0.7")]
    public void Addresses_that_annotations_set_are_in_the_metadata_of_the_node(string annotations, string? proxy, string? application)
    {
        var metadata = InjectedPod
            .From($"{{metadata: {{annotations: {annotations}}}, spec: {{containers: [{{name: app, image: app:1}}]}}}}")
            .Bootstrap["node"]!["metadata"]!;
        ((string?)metadata["proxy_address"]).ShouldBe(proxy);
        ((string?)metadata["application_address"]).ShouldBe(application);
    }

    [Fact]
    public void Statistics_can_be_widened_by_beginnings_of_names_or_to_all()
    {
        Patterns(InjectedPod.From(Pod("proxy-statistics", "cluster.outbound/80/shop/web., http.outbound/")))
            .ShouldBe(["cluster.outbound/80/shop/web.", "http.outbound/"]);
        InjectedPod.From(Pod("proxy-statistics", "*")).Bootstrap["stats_config"]!["stats_matcher"].ShouldBeNull();

        static string[] Patterns(InjectedPod pod) =>
            [
                .. pod.Bootstrap["stats_config"]!["stats_matcher"]!["inclusion_list"]!["patterns"]!
                    .AsArray()
                    .Select(pattern => (string?)pattern!["prefix"])
                    .OfType<string>()
                    .Where(prefix => prefix.Contains("outbound", StringComparison.Ordinal)),
            ];
    }

    [Theory]
    [InlineData("{}", 1024, 20_000)]
    [InlineData("{meshoperator.io/proxy-memory-limit: 256Mi}", 192, 6_348)]
    [InlineData("{meshoperator.io/proxy-memory-limit: 128Mi}", 64, 1_979)]
    [InlineData("{meshoperator.io/proxy-memory-limit: 64Mi}", 32, 500)]
    public void Heap_and_connections_are_bounded_by_the_memory_limit(string annotations, int heap, int connections)
    {
        var overload = InjectedPod
            .From($"{{metadata: {{annotations: {annotations}}}, spec: {{containers: [{{name: app, image: app:1}}]}}}}")
            .Bootstrap["overload_manager"]!;
        ((int)overload["resource_monitors"]![0]!["typed_config"]!["max_active_downstream_connections"]!).ShouldBe(connections);
        ((long)overload["resource_monitors"]![1]!["typed_config"]!["max_heap_size_bytes"]!).ShouldBe(heap * 1024L * 1024);
    }

    [Fact]
    public void An_annotation_that_there_is_not_is_warned_of_and_the_others_take_effect()
    {
        var injected = InjectedPod.From(
            "{metadata: {annotations: {meshoperator.io/proxy-cpus: '1', meshoperator.io/inject: 'true', example.com/x: y}}, spec: "
                + "{containers: [{name: app, image: app:1}]}}"
        );
        injected.Outcome.Warnings.Count.ShouldBe(2);
        injected
            .Outcome.Warnings[0]
            .ShouldBe("metadata.annotations[meshoperator.io/inject]: this is a label, and has no effect as an annotation");
        injected
            .Outcome.Warnings[1]
            .ShouldStartWith(
                "metadata.annotations[meshoperator.io/proxy-cpus]: this setting does not exist; use one of proxy-cpu, proxy-memory,"
            );
    }

    [Fact]
    public void A_label_that_says_neither_yes_nor_no_is_warned_of() =>
        InjectedPod
            .From("{metadata: {labels: {meshoperator.io/inject: 'yes'}}, spec: {containers: [{name: app, image: app:1}]}}")
            .Outcome.Warnings.ShouldHaveSingleItem()
            .ShouldContain("'yes' is neither");

    [Fact]
    public void Excluded_ports_and_networks_are_handed_to_the_init_container_in_one_form()
    {
        var injected = InjectedPod.From(
            """
            metadata:
              annotations:
                meshoperator.io/exclude-inbound-ports: " 22, 9090,22 "
                meshoperator.io/exclude-outbound-cidrs: 10.1.2.3/16,192.0.2.7,fd00:0::/8
            spec: {containers: [{name: app, image: app:1}]}
            """
        );
        injected
            .Container("mesh-init")
            .Env.Select(e => $"{e.Name}={e.Value}")
            .ShouldBe(["MESH_EXCLUDE_INBOUND_PORTS=22,9090", "MESH_EXCLUDE_OUTBOUND_CIDRS=10.1.0.0/16,192.0.2.7/32,fd00::/8"]);
    }

    [Fact]
    public void An_annotation_wins_over_the_operators_setting_and_an_empty_list_takes_it_away()
    {
        var options = new InjectionOptions
        {
            ProxyLogLevel = "debug",
            ExcludeOutboundPorts = "25",
            ImagePullSecrets = "registry",
        };
        var plain = InjectedPod.From("spec: {imagePullSecrets: [{name: own}], containers: [{name: app, image: app:1}]}", options);
        InjectedPod.Proxy(plain.Pod).Args.ShouldContain("debug");
        plain.Container("mesh-init").Env.ShouldHaveSingleItem().Value.ShouldBe("25");
        plain.Pod.Spec.ImagePullSecrets.Select(s => s.Name).ShouldBe(["own", "registry"]);

        var own = InjectedPod.From(
            "{metadata: {annotations: {meshoperator.io/exclude-outbound-ports: '', meshoperator.io/proxy-log-level: error}}, spec: "
                + "{imagePullSecrets: [{name: registry}], containers: [{name: app, image: app:1}]}}",
            options
        );
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
    [InlineData("redirect", true, "redirect")]
    [InlineData("external", false, "external")]
    [InlineData("cni", false, "external")]
    [InlineData("none", false, "none")]
    public void The_init_container_is_there_only_where_it_sets_the_rules(string interception, bool expected, string word)
    {
        var injected = InjectedPod.From(Pod("interception", interception));
        injected.Pod.Spec.InitContainers.Any(c => c.Name == "mesh-init").ShouldBe(expected);
        ((string)injected.Bootstrap["node"]!["metadata"]!["interception"]!).ShouldBe(word);
    }

    private static string Pod(string annotation, string value) =>
        $$"""
            metadata:
              annotations:
                meshoperator.io/{{annotation}}: '{{value}}'
            spec:
              containers:
              - {name: app, image: "app:1"}
            """;
}
