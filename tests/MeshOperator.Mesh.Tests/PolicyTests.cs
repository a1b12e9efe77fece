using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Translation;
using MeshOperator.Mesh.Verdicts;
using Shouldly;
using Xunit;

namespace MeshOperator.Mesh.Tests;

public sealed class PolicyTests
{
    [Fact]
    public void Without_a_policy_a_workload_takes_mutual_tls_and_plaintext_and_is_called_by_mutual_tls()
    {
        var result = Cluster.Create("web").Translate();
        result
            .Workload("web")
            .Inbound.ShouldBe(new InboundProfile(MtlsMode.Permissive, [new InboundPort(8080, PortProtocol.Http, MtlsMode.Permissive)], []));
        result.Workload("web").Identity.ShouldBe("spiffe://cluster.local/ns/shop/sa/web-account");
    }

    [Fact]
    public void A_pod_without_a_proxy_is_no_workload_and_is_called_in_plaintext()
    {
        var result = new Cluster().Service("legacy", meshed: false).Translate();
        result.Model.Workloads.ShouldBeEmpty();
        result.Port("legacy").Endpoints.ShouldHaveSingleItem().Identity.ShouldBeNull();
    }

    [Fact]
    public void The_most_specific_mtls_policy_wins()
    {
        var result = Cluster
            .Create("a", "b")
            .Mtls("mesh", new MtlsPolicySpec { Mode = MtlsPolicyMode.Disabled }, ns: "mesh-system")
            .Mtls("namespace", new MtlsPolicySpec { Mode = MtlsPolicyMode.Strict })
            .Mtls(
                "pod",
                new MtlsPolicySpec
                {
                    Mode = MtlsPolicyMode.Permissive,
                    Selector = new PodLabelSelector { MatchLabels = { ["app"] = "b" } },
                }
            )
            .Translate();
        result.Workload("a").Inbound.DefaultMode.ShouldBe(MtlsMode.Strict);
        result.Workload("a").Inbound.Policies.ShouldBe([new PolicyKey("MtlsPolicy", "shop", "namespace")]);
        result.Workload("b").Inbound.DefaultMode.ShouldBe(MtlsMode.Permissive);

        var meshOnly = Cluster
            .Create("a")
            .Mtls("mesh", new MtlsPolicySpec { Mode = MtlsPolicyMode.Disabled }, ns: "mesh-system")
            .Translate();
        meshOnly.Workload("a").Inbound.DefaultMode.ShouldBe(MtlsMode.Disabled);
        meshOnly.Port("a").Endpoints.ShouldHaveSingleItem().Identity.ShouldBeNull();
    }

    [Fact]
    public void A_ports_own_mode_holds_for_the_server_and_for_its_clients()
    {
        var result = Cluster
            .Create("a")
            .Mtls(
                "p",
                new MtlsPolicySpec
                {
                    PortModes = new() { ["8080"] = MtlsPolicyMode.Disabled, ["9090"] = MtlsPolicyMode.Permissive },
                }
            )
            .Translate();
        result
            .Workload("a")
            .Inbound.ShouldBe(
                new InboundProfile(
                    MtlsMode.Strict,
                    [
                        new InboundPort(8080, PortProtocol.Http, MtlsMode.Disabled),
                        new InboundPort(9090, PortProtocol.Detect, MtlsMode.Permissive),
                    ],
                    [new PolicyKey("MtlsPolicy", "shop", "p")]
                )
            );
        result.Port("a").Endpoints.ShouldHaveSingleItem().Identity.ShouldBeNull();
    }

    [Fact]
    public void Access_rules_are_for_the_ports_that_they_name_and_others_have_the_rest()
    {
        var result = Cluster
            .Create("a")
            .Mtls(
                "p",
                new MtlsPolicySpec
                {
                    Allow =
                    [
                        new Api.Policies.AccessRule
                        {
                            ServiceAccounts = ["gateway", "jobs/nightly"],
                            Methods = ["GET"],
                            Paths = ["/v1/*", "/health"],
                        },
                        new Api.Policies.AccessRule { Namespaces = ["metrics"], Ports = [9090] },
                    ],
                    Deny = [new Api.Policies.AccessRule { Identities = ["spiffe://cluster.local/ns/evil/*"] }],
                    AuditOnly = true,
                    Tls = new TlsParameters { MinVersion = "1.3" },
                }
            )
            .Translate();

        var inbound = result.Workload("a").Inbound;
        inbound.Ports.Select(p => p.Port).ShouldBe([8080, 9090]);
        var calls = new Mesh.Model.AccessRule
        {
            Callers =
            [
                [
                    new StringMatch(StringMatchKind.Exact, "spiffe://cluster.local/ns/shop/sa/gateway"),
                    new StringMatch(StringMatchKind.Exact, "spiffe://cluster.local/ns/jobs/sa/nightly"),
                ],
            ],
            Methods = ["GET"],
            Paths = [new StringMatch(StringMatchKind.Prefix, "/v1/"), new StringMatch(StringMatchKind.Exact, "/health")],
        };
        var scrapes = new Mesh.Model.AccessRule
        {
            Callers =
            [
                [new StringMatch(StringMatchKind.Prefix, "spiffe://cluster.local/ns/metrics/")],
            ],
        };
        var evil = new Mesh.Model.AccessRule
        {
            Callers =
            [
                [new StringMatch(StringMatchKind.Prefix, "spiffe://cluster.local/ns/evil/")],
            ],
        };
        inbound.Ports[0].Access.ShouldBe(new AccessPolicy(true, [calls], [evil], true));
        inbound.Ports[1].Access.ShouldBe(new AccessPolicy(true, [calls, scrapes], [evil], true));
        inbound.DefaultAccess.ShouldBe(new AccessPolicy(true, [calls], [evil], true));
        inbound.Tls.RequiresTls13.ShouldBeTrue();
    }

    [Fact]
    public void A_port_that_no_allow_rule_names_may_not_be_called()
    {
        var result = Cluster
            .Create("a")
            .Mtls("p", new MtlsPolicySpec { Allow = [new Api.Policies.AccessRule { Ports = [9090] }] })
            .Translate();
        result.Workload("a").Inbound.Ports[0].Access.ShouldBe(new AccessPolicy(true, [], [], false));
        result.Workload("a").Inbound.Ports[1].Access.ShouldBe(new AccessPolicy(true, [new Mesh.Model.AccessRule()], [], false));
    }

    [Fact]
    public void Two_mtls_policies_for_one_namespace_are_in_conflict()
    {
        var result = Cluster
            .Create("a")
            .Mtls("old", new MtlsPolicySpec(), 1)
            .Mtls("new", new MtlsPolicySpec { Mode = MtlsPolicyMode.Disabled }, 2)
            .Translate();
        result.Workload("a").Inbound.DefaultMode.ShouldBe(MtlsMode.Strict);
        result.Verdict("MtlsPolicy", "new").Accepted.Reason.ShouldBe("Conflicted");
    }

    [Fact]
    public void Two_mtls_policies_with_one_selector_are_in_conflict()
    {
        static MtlsPolicySpec Spec(MtlsPolicyMode mode) =>
            new()
            {
                Mode = mode,
                Selector = new PodLabelSelector { MatchLabels = { ["app"] = "a" } },
            };
        var result = Cluster
            .Create("a")
            .Mtls("old", Spec(MtlsPolicyMode.Strict), 1)
            .Mtls("new", Spec(MtlsPolicyMode.Disabled), 2)
            .Translate();
        result.Workload("a").Inbound.DefaultMode.ShouldBe(MtlsMode.Strict);
        result.Verdict("MtlsPolicy", "old").Accepted.Holds.ShouldBeTrue();
        result
            .Verdict("MtlsPolicy", "new")
            .Accepted.ShouldBe(
                new Finding(
                    false,
                    "Conflicted",
                    "MtlsPolicy shop/old is older and has the same selector; delete one of them or select other pods"
                )
            );
        result.Verdict("MtlsPolicy", "new").InEffect.ShouldBeFalse();
    }

    [Fact]
    public void A_retry_policy_is_for_the_routes_of_its_target_and_posts_are_retried_only_before_they_are_sent()
    {
        var result = Cluster
            .Create("a", "b")
            .Retry(
                "r",
                new RetryPolicySpec
                {
                    TargetRefs = [new() { Kind = PolicyTargetKind.Service, Name = "a" }],
                    RetryOn = [RetryCondition.ConnectFailure, RetryCondition.GatewayError],
                }
            )
            .Translate();
        var retry = result.Port("a").Routes.ShouldHaveSingleItem().Retry.ShouldNotBeNull();
        retry.Attempts.ShouldBe(2);
        retry.ConnectionTriggers.ShouldBe([RetryTrigger.ConnectFailure]);
        retry.ResponseTriggers.ShouldBe([RetryTrigger.GatewayError]);
        retry.Methods.ShouldNotContain("POST");
        result.Port("a").Connection.Budget.ShouldBe(new RetryBudget(20, 25));
        result.Port("b").Routes.ShouldHaveSingleItem().Retry.ShouldBeNull();
    }

    [Fact]
    public void The_budget_of_a_split_service_bounds_the_retries_to_its_backends_unless_they_have_their_own()
    {
        static RetryPolicySpec Budget(string service, double percent) =>
            new()
            {
                TargetRefs = [new() { Kind = PolicyTargetKind.Service, Name = service }],
                Budget = new RetryBudgetSpec { Percent = percent },
            };
        var result = Cluster
            .Create("model", "v1", "v2")
            .Split("s", new TrafficSplitSpec { Service = "model", Backends = [Cluster.Backend("v1"), Cluster.Backend("v2")] })
            .Retry("root", Budget("model", 10))
            .Retry("own", Budget("v2", 50))
            .Translate();
        result.Port("v1").Connection.Budget!.Percent.ShouldBe(10);
        result.Port("v1").ClusterPolicies.ShouldBe([new PolicyKey("RetryPolicy", "shop", "root")]);
        result.Port("v2").Connection.Budget!.Percent.ShouldBe(50);
    }

    [Fact]
    public void The_retry_policy_on_the_more_specific_target_wins()
    {
        var split = new TrafficSplitSpec
        {
            Service = "a",
            Rules =
            [
                new TrafficSplitRule
                {
                    Name = "beta",
                    Matches = [new HttpRequestMatch { Method = "GET" }],
                    Backends = [Cluster.Backend("b")],
                },
            ],
        };
        var result = Cluster
            .Create("a", "b")
            .Split("s", split)
            .Retry("service", new RetryPolicySpec { Attempts = 1, TargetRefs = [new() { Kind = PolicyTargetKind.Service, Name = "a" }] })
            .Retry(
                "port",
                new RetryPolicySpec
                {
                    Attempts = 2,
                    TargetRefs =
                    [
                        new()
                        {
                            Kind = PolicyTargetKind.Service,
                            Name = "a",
                            SectionName = "http",
                        },
                    ],
                }
            )
            .Retry(
                "rule",
                new RetryPolicySpec
                {
                    Attempts = 4,
                    TargetRefs =
                    [
                        new()
                        {
                            Kind = PolicyTargetKind.TrafficSplit,
                            Name = "s",
                            SectionName = "beta",
                        },
                    ],
                }
            )
            .Translate();
        result.Port("a").Routes.Select(r => r.Retry?.Attempts).ShouldBe([4, 2]);
    }

    [Fact]
    public void A_retry_policy_without_any_of_its_targets_says_so()
    {
        var verdict = Cluster
            .Create("a")
            .Retry("r", new RetryPolicySpec { TargetRefs = [new() { Kind = PolicyTargetKind.Service, Name = "x" }] })
            .Translate()
            .Verdict("RetryPolicy", "r");
        verdict.Accepted.Reason.ShouldBe("TargetNotFound");
        verdict.Accepted.Message.ShouldBe("spec.targetRefs[0]: the service 'x' does not exist in namespace 'shop'");
        verdict.ResolvedRefs.ShouldBe(new Finding(false, "TargetNotFound", verdict.Accepted.Message));
    }

    [Theory]
    [InlineData("http", "it has 'http'")]
    [InlineData("", "its port 80 has no name; omit sectionName, or name the port in the service")]
    public void A_named_port_that_does_not_exist_is_reported_with_those_that_do(string name, string ports) =>
        new Cluster()
            .Service("a", name)
            .Retry("r", new RetryPolicySpec { TargetRefs = [Cluster.To("a", "80")] })
            .Translate()
            .Verdict("RetryPolicy", "r")
            .Accepted.Message.ShouldBe($"spec.targetRefs[0]: the service 'a' has no port named '80' ({ports})");

    [Theory]
    [InlineData("a-1.b", "b", "a-1")]
    [InlineData("a.with.dots.b", "b", "a.with.dots")]
    public void A_node_id_is_pod_and_namespace(string nodeId, string ns, string pod)
    {
        WorkloadName.TryParseNodeId(nodeId, out var name).ShouldBeTrue();
        name.ShouldBe(new WorkloadName(ns, pod));
        name.NodeId.ShouldBe(nodeId);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("pod")]
    [InlineData(".ns")]
    [InlineData("pod.")]
    public void What_is_no_node_id_is_refused(string? nodeId) => WorkloadName.TryParseNodeId(nodeId, out _).ShouldBeFalse();

    [Fact]
    public void A_bound_on_each_try_is_a_reason_to_retry_unless_reasons_are_given()
    {
        ValueList<RetryTrigger> Triggers(RetryPolicySpec spec) =>
            Cluster.Create("web").Retry("r", spec).Translate().Port("web").Routes[0].Retry!.ResponseTriggers;
        Triggers(new RetryPolicySpec { TargetRefs = [Cluster.To("web")] }).ShouldBe([RetryTrigger.Reset, RetryTrigger.GrpcUnavailable]);
        Triggers(new RetryPolicySpec { TargetRefs = [Cluster.To("web")], PerTryTimeout = "1s" })
            .ShouldBe([RetryTrigger.Reset, RetryTrigger.GatewayError, RetryTrigger.GrpcUnavailable]);
        Triggers(
                new RetryPolicySpec
                {
                    TargetRefs = [Cluster.To("web")],
                    PerTryTimeout = "1s",
                    RetryOn = [RetryCondition.Conflict],
                }
            )
            .ShouldBe([RetryTrigger.Conflict]);
    }

    [Fact]
    public void What_is_about_requests_says_so_when_its_target_is_opaque_bytes()
    {
        var result = new Cluster()
            .Service("db", portName: "tcp", port: 5432)
            .Retry("r", new RetryPolicySpec { TargetRefs = [Cluster.To("db")] })
            .Split("s", new TrafficSplitSpec { Service = "db", Rules = [new TrafficSplitRule { Backends = [Cluster.Backend("db")] }] })
            .Translate();
        result.Verdict("RetryPolicy", "r").ResolvedRefs.Reason.ShouldBe("UnsupportedProtocol");
        result
            .Verdict("TrafficSplit", "s")
            .ResolvedRefs.Message.ShouldBe(
                "spec.rules: the ports of the service 'db' that the split applies to are TCP and have no requests to match; use "
                    + "spec.backends, or declare HTTP with appProtocol if they carry HTTP"
            );
    }
}
