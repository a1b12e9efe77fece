using MeshOperator.Api.Policies;
using MeshOperator.Api.Validation;
using Shouldly;
using Xunit;

namespace MeshOperator.Api.Tests;

public sealed class MtlsPolicyValidatorTests
{
    private const string EmptyList = "the list is empty; list at least one item, or omit the field to match all";

    public static TheoryData<MtlsPolicySpec, string> InvalidMtlsPolicies =>
        new()
        {
            {
                new MtlsPolicySpec { Allow = [new AccessRule()] },
                "spec.allow[0]: the rule is empty; set at least one field"
            },
            {
                new MtlsPolicySpec { Deny = [new AccessRule { Identities = ["spiffe://*/ns/shop"] }] },
                "spec.deny[0].identities[0]: 'spiffe://*/ns/shop' is not an identity; write "
                    + "spiffe://TRUST_DOMAIN/ns/NAMESPACE/sa/SERVICE_ACCOUNT, with a * only at the end"
            },
            {
                new MtlsPolicySpec { Allow = [new AccessRule { Paths = ["admin"] }] },
                "spec.allow[0].paths[0]: 'admin' is not a path; begin it with '/', and use a * only at the end"
            },
            {
                new MtlsPolicySpec { Deny = [new AccessRule { Paths = ["/admin?x=1"] }] },
                "spec.deny[0].paths[0]: '/admin?x=1' has a query or fragment, which is not part of the path; remove it"
            },
            {
                new MtlsPolicySpec { Deny = [new AccessRule { Paths = ["/*/admin"] }] },
                "spec.deny[0].paths[0]: '/*/admin' is not a path; begin it with '/', and use a * only at the end"
            },
            {
                new MtlsPolicySpec { Allow = [] },
                "spec.allow: the list is empty; omit allow to let everybody call, or to refuse all calls write deny: [{ports: […]}] "
                    + "with the ports of the workload"
            },
            {
                new MtlsPolicySpec { Allow = [new AccessRule { Identities = [], Ports = [80] }] },
                $"spec.allow[0].identities: {EmptyList}"
            },
            {
                new MtlsPolicySpec { Allow = [new AccessRule { ServiceAccounts = [], Ports = [80] }] },
                $"spec.allow[0].serviceAccounts: {EmptyList}"
            },
            {
                new MtlsPolicySpec { Allow = [new AccessRule { Namespaces = [], Ports = [80] }] },
                $"spec.allow[0].namespaces: {EmptyList}"
            },
            {
                new MtlsPolicySpec { Allow = [new AccessRule { Ports = [] }] },
                $"spec.allow[0].ports: {EmptyList}"
            },
            {
                new MtlsPolicySpec { Allow = [new AccessRule { Methods = [] }] },
                $"spec.allow[0].methods: {EmptyList}"
            },
            {
                new MtlsPolicySpec { Deny = [new AccessRule { Paths = [] }] },
                $"spec.deny[0].paths: {EmptyList}"
            },
            {
                new MtlsPolicySpec { Tls = new TlsParameters { MinVersion = "1.1" } },
                "spec.tls.minVersion: '1.1' is not a supported TLS version; use 1.2 or 1.3"
            },
            {
                new MtlsPolicySpec
                {
                    Tls = new TlsParameters { MinVersion = "1.3", CipherSuites = ["ECDHE-RSA-AES128-GCM-SHA256"] },
                },
                "spec.tls.cipherSuites: cipher suites apply only to TLS 1.2, which minVersion 1.3 excludes; omit cipherSuites"
            },
            {
                new MtlsPolicySpec { PortModes = new() { ["http"] = MtlsPolicyMode.Strict } },
                "spec.portModes[http]: 'http' is not a port; use a number from 1 to 65535"
            },
        };

    [Theory]
    [MemberData(nameof(InvalidMtlsPolicies))]
    public void An_invalid_mtls_policy_is_refused_with_field_and_fix(MtlsPolicySpec spec, string message) =>
        ValidationText.Describe(new MtlsPolicyValidator().Validate(spec)).ShouldBe(message);

    [Fact]
    public void All_calls_of_a_workload_can_be_refused() =>
        new MtlsPolicyValidator().Validate(new MtlsPolicySpec { Deny = [new AccessRule { Ports = [8080, 9090] }] }).IsValid.ShouldBeTrue();
}
