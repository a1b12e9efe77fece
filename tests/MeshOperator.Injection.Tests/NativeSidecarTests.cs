using System.Text.Json.Nodes;
using k8s;
using Shouldly;
using Xunit;

namespace MeshOperator.Injection.Tests;

/// <summary>Native and classic sidecars: order, start and end.</summary>
public sealed class NativeSidecarTests
{
    private const string Pod = """
        spec:
          initContainers: [{name: migrate, image: migrate:1}, {name: agent, image: agent:1, restartPolicy: Always}]
          containers: [{name: app, image: app:1}, {name: helper, image: helper:1}]
        """;

    [Theory]
    [InlineData(NativeSidecarMode.Auto, "1.29", true)]
    [InlineData(NativeSidecarMode.Auto, "v1.33.2+vendor", true)]
    [InlineData(NativeSidecarMode.Auto, "1.28+", false)]
    [InlineData(NativeSidecarMode.Auto, null, false)]
    [InlineData(NativeSidecarMode.Always, "1.25", true)]
    [InlineData(NativeSidecarMode.Never, "1.33", false)]
    public void The_mode_and_the_api_servers_version_decide_and_the_annotation_wins(NativeSidecarMode mode, string? version, bool native)
    {
        var options = new InjectionOptions { NativeSidecars = mode, KubernetesVersion = KubernetesVersion.Parse(version) };
        IsNative(Pod, options).ShouldBe(native);
        IsNative("metadata: {annotations: {meshoperator.io/native-sidecar: 'true'}}\n" + Pod, options).ShouldBeTrue();
        IsNative("metadata: {annotations: {meshoperator.io/native-sidecar: 'false'}}\n" + Pod, options).ShouldBeFalse();
    }

    [Fact]
    public void A_native_proxy_runs_before_all_that_needs_the_network_and_holds_it_up_until_it_is_ready()
    {
        var injected = InjectedPod.From(Pod);
        injected.Pod.Spec.InitContainers.Select(c => c.Name).ShouldBe(["mesh-init", "mesh-proxy", "migrate", "agent"]);
        injected.Pod.Spec.Containers.Select(c => c.Name).ShouldBe(["app", "helper"]);
        var proxy = InjectedPod.Proxy(injected.Pod);
        proxy.RestartPolicy.ShouldBe("Always");
        $"{proxy.StartupProbe.HttpGet.Path} {proxy.StartupProbe.HttpGet.Port.Value}".ShouldBe("/healthz/ready 15021");
    }

    [Fact]
    public void A_classic_proxy_is_the_first_container_and_the_rules_come_when_the_init_containers_are_done()
    {
        var injected = InjectedPod.From(Pod, new InjectionOptions());
        injected.Pod.Spec.InitContainers.Select(c => c.Name).ShouldBe(["migrate", "agent", "mesh-init"]);
        injected.Pod.Spec.Containers.Select(c => c.Name).ShouldBe(["mesh-proxy", "app", "helper"]);
        injected.Pod.Metadata.Annotations["kubectl.kubernetes.io/default-container"].ShouldBe("app");
        InjectedPod.Proxy(injected.Pod).StartupProbe.ShouldBeNull();
    }

    [Theory]
    [InlineData(NativeSidecarMode.Never, "1.30", null, "sleep:\n  seconds: 5")]
    [InlineData(NativeSidecarMode.Never, "1.29", null, "- /bin/sleep\n  - \"5\"")]
    [InlineData(NativeSidecarMode.Never, "1.33", 3, "sleep:\n  seconds: 2")]
    [InlineData(NativeSidecarMode.Never, "1.33", 1, null)]
    [InlineData(NativeSidecarMode.Auto, "1.30", null, "sleep:\n  seconds: 2")]
    [InlineData(NativeSidecarMode.Auto, "1.33", 2, "sleep:\n  seconds: 1")]
    [InlineData(NativeSidecarMode.Auto, "1.29", null, null)]
    public void A_proxy_outlives_an_application_that_ends_at_once_within_the_pods_grace_period(
        NativeSidecarMode mode,
        string version,
        int? grace,
        string? expected
    )
    {
        var options = new InjectionOptions { NativeSidecars = mode, KubernetesVersion = KubernetesVersion.Parse(version) };
        var period = grace is { } seconds ? $"\n  terminationGracePeriodSeconds: {seconds}" : string.Empty;
        var lifecycle = InjectedPod.Proxy(InjectedPod.From(Pod + period, options).Pod).Lifecycle;
        if (expected is null)
            lifecycle.ShouldBeNull();
        else
            KubernetesYaml.Serialize(lifecycle.PreStop).Replace("\r", string.Empty, StringComparison.Ordinal).ShouldContain(expected);
    }

    [Theory]
    [InlineData("OnFailure")]
    [InlineData("Never")]
    public void A_classic_sidecar_in_a_pod_that_completes_takes_the_order_to_end_from_the_operator_alone(string restartPolicy)
    {
        var injected = InjectedPod.From(
            Completing(restartPolicy),
            new InjectionOptions { OperatorIdentity = "spiffe://a.b/ns/mesh/sa/op" }
        );

        injected.Outcome.Warnings.ShouldBeEmpty();
        injected.Pod.Metadata.Annotations["meshoperator.io/completion"].ShouldBe("operator");
        var listener = FindCompletion(injected).ShouldNotBeNull();
        $"{listener["address"]!["socket_address"]!["address"]}:{listener["address"]!["socket_address"]!["port_value"]}".ShouldBe(
            "10.0.0.7:15022"
        );
        var tls = listener["filter_chains"]!.AsArray().ShouldHaveSingleItem()!["transport_socket"]!["typed_config"]!;
        ((bool)tls["require_client_certificate"]!).ShouldBeTrue();
        var names = tls["common_tls_context"]!["combined_validation_context"]!["default_validation_context"]![
            "match_typed_subject_alt_names"
        ]!;
        names.AsArray().ShouldHaveSingleItem()!["matcher"]!["exact"]!.ToString().ShouldBe("spiffe://a.b/ns/mesh/sa/op");
    }

    [Fact]
    public void A_native_sidecar_and_one_of_a_pod_that_does_not_complete_take_no_order_to_end()
    {
        FindCompletion(InjectedPod.From(Completing("Never"))).ShouldBeNull();
        var always = InjectedPod.From(Completing("Always"), new InjectionOptions());
        FindCompletion(always).ShouldBeNull();
        always.Pod.Metadata.Annotations.ShouldNotContainKey("meshoperator.io/completion");
    }

    [Fact]
    public void A_pod_with_a_classic_sidecar_whose_container_has_a_restart_policy_of_its_own_is_warned_of()
    {
        var injected = InjectedPod.From(Completing("Never", ", restartPolicy: OnFailure"), new InjectionOptions());

        injected.Outcome.Warnings.ShouldHaveSingleItem().ShouldContain("does not complete");
        FindCompletion(injected).ShouldBeNull();
    }

    [Fact]
    public void The_init_container_may_change_the_network_and_nothing_else()
    {
        var security = InjectedPod.From(Pod).Container("mesh-init").SecurityContext;
        security.Capabilities.Drop.ShouldBe(["ALL"]);
        security.Capabilities.Add.ShouldBe(["NET_ADMIN"]);
        security.AllowPrivilegeEscalation.ShouldBe(false);
        security.ReadOnlyRootFilesystem.ShouldBe(true);
        security.Privileged.ShouldBe(false);
    }

    private static string Completing(string restartPolicy, string container = "") =>
        $"spec: {{restartPolicy: {restartPolicy}, containers: [{{name: app, image: app:1{container}}}]}}";

    private static JsonNode? FindCompletion(InjectedPod pod) =>
        pod.Bootstrap["static_resources"]!["listeners"]!.AsArray().SingleOrDefault(l => (string)l!["name"]! == "completion");

    private static bool IsNative(string pod, InjectionOptions options) =>
        InjectedPod.Proxy(InjectedPod.From(pod, options).Pod).RestartPolicy == "Always";
}
