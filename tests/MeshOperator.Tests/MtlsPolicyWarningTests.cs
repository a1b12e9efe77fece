using MeshOperator.Api.Policies;
using MeshOperator.Api.Validation;
using MeshOperator.Kubernetes.Admission;
using MeshOperator.Settings;
using MeshOperator.Webhooks;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests;

/// <summary>What the webhook warns the author of a valid MtlsPolicy of.</summary>
public sealed class MtlsPolicyWarningTests
{
    [Fact]
    public async Task More_denied_callers_than_a_handshake_can_exclude_are_admitted_with_a_warning()
    {
        var result = await ReviewAsync(accounts: 60);

        result.Allowed.ShouldBeTrue();
        result
            .Warnings.ShouldHaveSingleItem()
            .ShouldBe(
                "spec.deny: on TCP ports proxies exclude up to 2,000 characters of identities in the handshake, and this policy has "
                    + "more. Denied callers are therefore refused "
                    + "at their first byte, and receive what a server sends before that. Deny whole namespaces, or list the callers "
                    + "to allow."
            );
    }

    [Fact]
    public async Task A_short_list_of_denied_callers_is_admitted_without_a_warning() =>
        (await ReviewAsync(accounts: 40)).Warnings.ShouldBeEmpty();

    private static Task<AdmissionResult> ReviewAsync(int accounts)
    {
        var policy = new MtlsPolicy { Metadata = new() { Name = "m" } };
        policy.Spec = new MtlsPolicySpec
        {
            Deny = [new AccessRule { ServiceAccounts = [.. Enumerable.Range(0, accounts).Select(i => $"bank/account-{i}")] }],
        };
        var webhook = new PolicyWebhook<MtlsPolicy, MtlsPolicySpec>(
            new MtlsPolicyValidator(),
            new MtlsPolicyWarnings(new OperatorOptions())
        );
        return webhook.ValidateAsync(
            policy,
            null,
            new AdmissionContext("CREATE", "shop", DryRun: false),
            TestContext.Current.CancellationToken
        );
    }
}
