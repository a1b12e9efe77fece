using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation;
using MeshOperator.Mesh.Verdicts;
using Shouldly;
using Xunit;

namespace MeshOperator.Mesh.Tests;

/// <summary>The hints for MtlsPolicies that would lock out those whom they name.</summary>
public sealed class MtlsHintTests
{
    private static readonly Finding Fine = new(true, "ResolvedRefs", "All references are resolved.");

    private static Finding Refs(Cluster cluster, MtlsPolicySpec spec) =>
        cluster.Mtls("m", spec).Translate().Verdict("MtlsPolicy", "m").ResolvedRefs;

    private static MtlsPolicySpec Allow(params AccessRule[] rules) => new() { Allow = [.. rules] };

    private static Cluster Declaring(Cluster cluster, int port) =>
        cluster.With(s =>
            s with
            {
                Pods = s.Pods.SetItem(
                    new ObjectName("shop", "web-0"),
                    s.Pods[new ObjectName("shop", "web-0")] with
                    {
                        ContainerPorts = [port],
                    }
                ),
            }
        );

    [Theory]
    [InlineData("spiffe://cluster.local/ns/shop/sa/web", true)]
    [InlineData("spiffe://cluster.local/*", true)]
    [InlineData("spiffe://clus*", true)]
    [InlineData("spiffe://example.org/ns/shop/sa/web", false)]
    [InlineData("spiffe://cluster.local.example.org/*", false)]
    [InlineData("spiffe://cluster.localhost*", false)]
    public void An_identity_of_another_trust_domain_is_nobodys(string identity, bool isFine)
    {
        Refs(new Cluster(), Allow(new AccessRule { Identities = [identity] }))
            .Reason.ShouldBe(isFine ? "ResolvedRefs" : "TrustDomainMismatch");
        Refs(new Cluster(), new MtlsPolicySpec { Deny = [new AccessRule { Identities = [identity] }] }).Holds.ShouldBe(isFine);
    }

    [Fact]
    public void The_identity_is_named_with_how_to_write_it() =>
        Refs(new Cluster(), Allow(new AccessRule { Identities = ["spiffe://cluster.local/*", "spiffe://example.org/*"] }))
            .Message.ShouldBe(
                "spec.allow[0].identities[1]: 'spiffe://example.org/*' is not in the mesh's trust domain, 'cluster.local', so no "
                    + "caller has it; write spiffe://cluster.local/ns/NAMESPACE/sa/SERVICE_ACCOUNT"
            );

    [Fact]
    public void The_port_of_a_service_in_place_of_the_pods_is_reported()
    {
        var found = Refs(Cluster.Create("web"), Allow(new AccessRule { Ports = [80] }));
        found.ShouldBe(
            new Finding(
                false,
                "PortNotFound",
                "spec.allow[0].ports: no pod with a sidecar that the policy applies to serves port 80, which is the port of the "
                    + "service 'web'; write its targetPort, 8080"
            )
        );
        Refs(Cluster.Create("web"), Allow(new AccessRule { Ports = [8080] })).ShouldBe(Fine);
    }

    [Fact]
    public void A_port_that_no_pod_serves_is_reported_unless_a_container_declares_it()
    {
        var modes = new MtlsPolicySpec { PortModes = new() { ["9090"] = MtlsPolicyMode.Permissive } };
        Refs(Cluster.Create("web"), modes)
            .Message.ShouldBe(
                "spec.portModes: no pod with a sidecar that the policy applies to serves port 9090 (known ports: 8080); write the "
                    + "pods' own port, or declare 9090 as a containerPort if they serve it"
            );
        Refs(Declaring(Cluster.Create("web"), 9090), modes).ShouldBe(Fine);
    }

    [Fact]
    public void Without_a_pod_to_judge_by_nothing_is_said_of_ports() =>
        Refs(new Cluster().Service("web", meshed: false), Allow(new AccessRule { Ports = [80], Methods = ["GET"] })).ShouldBe(Fine);

    [Fact]
    public void A_rule_about_requests_that_closes_a_tcp_port_is_reported()
    {
        var db = new Cluster().Service("db", "tcp", 5432);
        Refs(db, Allow(new AccessRule { Namespaces = ["jobs"], Paths = ["/v1/*"] }))
            .ShouldBe(
                new Finding(
                    false,
                    "UnsupportedProtocol",
                    "spec.allow[0]: the rule matches on methods or paths, which cannot match on TCP port 8080; add a rule without "
                        + "them for that port, or declare HTTP with appProtocol if it carries HTTP"
                )
            );
    }

    [Fact]
    public void A_rule_about_requests_for_all_ports_may_leave_a_port_of_bytes_to_another_rule() =>
        Refs(
                new Cluster().Service("db", "tcp", 5432),
                Allow(new AccessRule { Paths = ["/v1/*"] }, new AccessRule { Namespaces = ["jobs"] })
            )
            .ShouldBe(Fine);

    [Fact]
    public void A_rule_about_requests_that_names_a_tcp_port_is_reported_whatever_other_rules_say() =>
        Refs(
            new Cluster().Service("db", "tcp", 5432),
            Allow(new AccessRule { Ports = [8080], Methods = ["GET"] }, new AccessRule { Namespaces = ["jobs"] })
        )
            .Reason.ShouldBe("UnsupportedProtocol");

    [Theory]
    [InlineData(40, null, false)]
    [InlineData(60, null, true)]
    [InlineData(60, 3306, true)]
    public void More_denied_callers_than_a_handshake_can_exclude_are_reported(int accounts, int? port, bool isReported)
    {
        var deny = new AccessRule
        {
            ServiceAccounts = [.. Enumerable.Range(0, accounts).Select(i => $"bank/account-{i}")],
            Ports = port is { } only ? [only] : null,
        };
        var accepted = new Cluster().Mtls("m", new MtlsPolicySpec { Deny = [deny] }).Translate().Verdict("MtlsPolicy", "m").Accepted;

        accepted.Holds.ShouldBeTrue();
        accepted.Message.Contains("refused at their first byte", StringComparison.Ordinal).ShouldBe(isReported, accepted.Message);
    }

    [Fact]
    public void Denied_callers_that_nobody_allows_anyway_are_not_reported()
    {
        var spec = Allow(new AccessRule { Namespaces = ["shop"] });
        spec.Deny = [new AccessRule { ServiceAccounts = [.. Enumerable.Range(0, 60).Select(i => $"bank/account-{i}")] }];
        new Cluster().Mtls("m", spec).Translate().Verdict("MtlsPolicy", "m").Accepted.Message.ShouldBe("The policy is valid.");
    }
}
