using System.Text.Json.Nodes;
using MeshOperator.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.Injection.Tests;

/// <summary>Probes keep their meaning on ports that take mutual TLS only.</summary>
public sealed class ProbeTests
{
    private const string AllKinds = """
        spec:
          containers:
          - name: web
            image: web:1
            ports: [{name: http, containerPort: 8080}]
            livenessProbe: {httpGet: {path: "/live?full=1#top", port: http, httpHeaders: [{name: Host, value: web.example.com}]},
              timeoutSeconds: 7}
            readinessProbe: {httpGet: {path: /ready, port: 8443, scheme: HTTPS}}
            startupProbe: {tcpSocket: {port: http}, periodSeconds: 3, timeoutSeconds: 2, failureThreshold: 30}
            lifecycle: {preStop: {httpGet: {path: /bye, port: http}}, postStart: {exec: {command: ["true"]}}}
          - name: rpc
            image: rpc:1
            livenessProbe: {grpc: {port: 9000}}
            readinessProbe: {grpc: {port: 9000, service: "shop.Orders"}, periodSeconds: 20}
            startupProbe: {grpc: {port: 9001, mode: TLS}}
          - name: script
            image: script:1
            livenessProbe: {exec: {command: ["true"]}}
        """;

    [Fact]
    public void An_http_probe_is_asked_of_the_proxy_which_asks_the_application_for_the_original_path()
    {
        var injected = InjectedPod.From(AllKinds);
        var probe = injected.Container("web").LivenessProbe;
        probe.HttpGet.Port.Value.ShouldBe("15020");
        probe.HttpGet.Path.ShouldBe("/app-health/web/livez?full=1");
        probe.HttpGet.HttpHeaders.ShouldHaveSingleItem().Value.ShouldBe("web.example.com");
        probe.TimeoutSeconds.ShouldBe(7);

        var route = injected.Route("/app-health/web/livez")["route"]!;
        ((string)route["prefix_rewrite"]!).ShouldBe("/live");
        ((string)route["timeout"]!).ShouldBe("0s");
        var cluster = injected.Cluster((string)route["cluster"]!);
        cluster["load_assignment"]!["endpoints"]![0]!["lb_endpoints"]![0]!["endpoint"]!["address"]!["socket_address"]!
            .ToJsonString()
            .ShouldBe("""{"address":"10.0.0.7","port_value":8080}""");
        ((string)cluster["connect_timeout"]!).ShouldBe("30s", "the hook to the same port waits longest");
        ((string)cluster["upstream_bind_config"]!["source_address"]!["address"]!).ShouldBe("127.0.0.6");
    }

    [Fact]
    public void An_https_probe_is_asked_in_plaintext_and_passed_on_over_tls_without_a_look_at_the_certificate()
    {
        var injected = InjectedPod.From(AllKinds);
        injected.Container("web").ReadinessProbe.HttpGet.Scheme.ShouldBe("HTTP");
        var cluster = injected.Cluster((string)injected.Route("/app-health/web/readyz")["route"]!["cluster"]!);
        var tls = cluster["transport_socket"]!["typed_config"]!;
        ((string)tls["@type"]!).ShouldEndWith("UpstreamTlsContext");
        tls["common_tls_context"]!["validation_context"].ShouldBeNull();
    }

    [Theory]
    [InlineData("web", "startupProbe", "app-health/web/startupz", "tcp_health_check", "{}", "3s", "2s")]
    [InlineData("rpc", "livenessProbe", "app-health/rpc/livez", "grpc_health_check", """{"authority":"localhost:9000"}""", "10s", "1s")]
    [InlineData(
        "rpc",
        "readinessProbe",
        "app-health/rpc/readyz",
        "grpc_health_check",
        """{"authority":"localhost:9000","service_name":"shop.Orders"}""",
        "20s",
        "1s"
    )]
    [InlineData("rpc", "startupProbe", "app-health/rpc/startupz", "grpc_health_check", """{"authority":"localhost:9001"}""", "10s", "1s")]
    public void A_tcp_or_grpc_probe_is_checked_by_the_proxy_which_answers_the_kubelet_over_http(
        string container,
        string field,
        string cluster,
        string kind,
        string check,
        string period,
        string timeout
    )
    {
        var injected = InjectedPod.From(AllKinds);
        var owner = injected.Container(container);
        var probe = field switch
        {
            "startupProbe" => owner.StartupProbe,
            "livenessProbe" => owner.LivenessProbe,
            _ => owner.ReadinessProbe,
        };
        (probe.TcpSocket is null && probe.Grpc is null).ShouldBeTrue();
        $"{probe.HttpGet.Path} {probe.HttpGet.Port.Value}".ShouldBe($"/{cluster} 15020");

        var checks = injected.Cluster(cluster)["health_checks"]!.AsArray().ShouldHaveSingleItem()!;
        checks[kind]!.ToJsonString().ShouldBe(check);
        ((string)checks["interval"]!).ShouldBe(period);
        ((string)checks["no_traffic_healthy_interval"]!).ShouldBe(period);
        ((string)checks["no_traffic_interval"]!).ShouldBe("1s");
        ((string)checks["timeout"]!).ShouldBe(timeout);

        var filter = injected.ProbeManager["http_filters"]!.AsArray().Single(f => (string)f!["name"]! == cluster)!["typed_config"]!;
        filter["cluster_min_healthy_percentages"]!.ToJsonString().ShouldBe($$$"""{"{{{cluster}}}":{"value":100}}""");
        filter["headers"]!.ToJsonString().ShouldBe($$$"""[{"name":":path","string_match":{"exact":"/{{{cluster}}}"}}]""");
    }

    [Fact]
    public void A_grpc_probe_over_tls_is_checked_over_tls_with_http_2()
    {
        var cluster = InjectedPod.From(AllKinds).Cluster("app-health/rpc/startupz");
        cluster["transport_socket"]!["typed_config"]!["common_tls_context"]!["alpn_protocols"]!.ToJsonString().ShouldBe("""["h2"]""");
    }

    [Fact]
    public void Http_hooks_are_rewritten_and_commands_stay_as_they_are()
    {
        var injected = InjectedPod.From(AllKinds);
        var lifecycle = injected.Container("web").Lifecycle;
        $"{lifecycle.PreStop.HttpGet.Path} {lifecycle.PreStop.HttpGet.Port.Value}".ShouldBe("/app-lifecycle/web/prestop 15020");
        ((string)injected.Route("/app-lifecycle/web/prestop")["route"]!["prefix_rewrite"]!).ShouldBe("/bye");
        lifecycle.PostStart.Exec.Command.ShouldBe(["true"]);
        injected.Container("script").LivenessProbe.Exec.Command.ShouldBe(["true"]);
    }

    [Fact]
    public void The_probes_can_be_read_as_they_were()
    {
        var probes = JsonNode.Parse(InjectedPod.From(AllKinds).Pod.Metadata.Annotations["meshoperator.io/probes"])!.AsObject();
        probes
            .Select(container => $"{container.Key}: {string.Join(' ', container.Value!.AsObject().Select(field => field.Key))}")
            .ShouldBe(["web: livenessProbe readinessProbe startupProbe preStop", "rpc: livenessProbe readinessProbe startupProbe"]);
        ((string)probes["web"]!["livenessProbe"]!["httpGet"]!["path"]!).ShouldBe("/live?full=1#top");
        ((int)probes["rpc"]!["readinessProbe"]!["grpc"]!["port"]!).ShouldBe(9000);
    }

    [Theory]
    [InlineData("httpGet: {path: /, port: 8080, host: example.com}", "another host")]
    [InlineData("tcpSocket: {port: 8080, host: example.com}", "another host")]
    [InlineData("httpGet: {path: /healthz/ready, port: 15021}", "the proxy itself")]
    [InlineData("httpGet: {path: /, port: nowhere}", "a name that no port has")]
    [InlineData("grpc: {port: 6379}", "a port that is not captured")]
    [InlineData("tcpSocket: {port: 6379}", "a port that is not captured")]
    public void What_does_not_pass_the_proxy_stays_as_it_is(string probe, string why)
    {
        var injected = InjectedPod.From(
            $"""
            metadata:
              annotations:
                meshoperator.io/exclude-inbound-ports: "6379"
            spec:
              containers:
              - name: web
                image: web:1
                livenessProbe:
                  {probe}
            """
        );
        injected.Pod.Metadata.Annotations.ShouldNotContainKey("meshoperator.io/probes", why);
        injected.Bootstrap["static_resources"]!["listeners"]!.AsArray().ShouldNotContain(l => (string)l!["name"]! == "probes", why);
        k8s.KubernetesYaml.Serialize(injected.Container("web").LivenessProbe).ShouldNotContain("15020", Case.Sensitive, why);
    }

    [Fact]
    public void Without_interception_the_kubelet_asks_the_application_itself()
    {
        var injected = InjectedPod.From(
            """
            metadata: {annotations: {meshoperator.io/interception: none}}
            spec: {containers: [{name: web, image: web:1, livenessProbe: {httpGet: {path: /, port: 8080}}}]}
            """
        );
        injected.Container("web").LivenessProbe.HttpGet.Port.Value.ShouldBe("8080");
    }

    [Theory]
    [InlineData("", "/")]
    [InlineData("health", "/health")]
    [InlineData("/a b/ü", "/a%20b/%C3%BC")]
    [InlineData("/already%20encoded", "/already%20encoded")]
    [InlineData("/$(POD_NAME)/$$", "/$(POD_NAME)/$$")]
    public void A_path_reaches_the_application_as_the_kubelet_would_have_sent_it(string path, string expected)
    {
        var injected = InjectedPod.From(
            $"""
            spec:
              containers:
              - name: web
                image: web:1
                livenessProbe:
                  httpGet:
                    path: "{path}"
                    port: 8080
            """
        );
        ((string)injected.Route("/app-health/web/livez")["route"]!["prefix_rewrite"]!).ShouldBe(expected);
    }

    [Fact]
    public void A_sidecar_of_somebody_else_is_probed_through_the_proxy_too()
    {
        const string pod = """
            spec:
              initContainers:
              - {name: agent, image: agent:1, restartPolicy: Always, startupProbe: {tcpSocket: {port: 7000}},
                livenessProbe: {tcpSocket: {port: 7000}}}
              containers: [{name: web, image: web:1}]
            """;
        InjectedPod.From(pod).Container("agent").StartupProbe.HttpGet.Path.ShouldBe("/app-health/agent/startupz");

        var classic = InjectedPod.From(pod, new InjectionOptions { NativeSidecars = NativeSidecarMode.Never });
        classic.Container("agent").StartupProbe.TcpSocket.ShouldNotBeNull("the proxy does not run yet, and nothing is captured yet");
        classic.Container("agent").LivenessProbe.HttpGet.Path.ShouldBe("/app-health/agent/livez");
    }

    [Theory]
    [InlineData(AllKinds)]
    [InlineData("spec: {containers: [{name: web, image: web:1}]}")]
    [InlineData("spec: {containers: [{name: web, image: web:1, livenessProbe: {tcpSocket: {port: 80}}}]}")]
    [InlineData(
        "{metadata: {annotations: {meshoperator.io/interception: cni}}, spec: {containers: [{name: web, image: web:1, livenessProbe: "
            + "{httpGet: {path: /, port: 80, scheme: HTTPS}}}]}}"
    )]
    public async Task Envoys_definitions_accept_the_bootstrap(string pod)
    {
        var bootstrap = InjectedPod.From(pod).Bootstrap;
        bootstrap.Insert(0, "@type", "type.googleapis.com/envoy.config.bootstrap.v3.Bootstrap");
        var file = Path.GetTempFileName();
        try
        {
            await File.WriteAllTextAsync(file, bootstrap.ToJsonString(), TestContext.Current.CancellationToken);
            // The kubelet does not look at the certificate of an application either.
            var (status, output) = await XdsCheck.RunAsync("validate", "--strict", "--ignore", "TLS_NO_VALIDATION", file);
            status.ShouldBe(0, output);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
