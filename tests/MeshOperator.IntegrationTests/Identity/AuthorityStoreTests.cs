using k8s.Models;
using MeshOperator.Api.Authorities;
using MeshOperator.Api.Policies;
using MeshOperator.Authority;
using MeshOperator.Certificates;
using MeshOperator.Certificates.Rotation;
using MeshOperator.IntegrationTests.Support;
using MeshOperator.Settings;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.IntegrationTests.Identity;

public sealed class AuthorityStoreTests(TestCluster cluster)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("the next one")]
    [InlineData("nothing")]
    [InlineData("one that cannot be used")]
    public async Task An_authority_that_expired_during_a_rotation_while_no_operator_ran_is_followed_by_the_next(string wanted)
    {
        await using var ns = await TestNamespace.CreateAsync(cluster);
        var options = new OperatorOptions { Namespace = ns.Name, CertificateAuthority = ns.Name };
        var secrets = new AuthoritySecrets(cluster.Entities<V1Secret>(), options);
        var before = new FakeTimeProvider(TimeProvider.System.GetUtcNow().AddDays(-3655));
        var old = New(before);
        before.Advance(TimeSpan.FromDays(10));
        var next = New(before);
        var state = AuthorityState.Create(old, before.GetUtcNow()).Begin(next, before);
        await secrets.WriteStateAsync(state, null, Cancellation);
        if (wanted != "nothing")
            await secrets.WriteWantedAsync(wanted == "the next one" ? next : old, null, null, Cancellation);

        var store = new AuthorityStore(
            secrets,
            cluster.Entities<MeshCertificateAuthority>(),
            options,
            TimeProvider.System,
            NullLogger<AuthorityStore>.Instance
        );
        var loaded = await store.LoadAsync(Cancellation);
        (loaded.Phase, loaded.Signer, loaded.Epoch).ShouldBe((RotationPhase.Signing, next, state.Epoch + 2));
        secrets.ReadState((await secrets.GetStateAsync(Cancellation)).ShouldNotBeNull()).Epoch.ShouldBe(loaded.Epoch);
    }

    private static CertificateAuthorityFiles New(TimeProvider time)
    {
        using var authority = CertificateAuthority.CreateSelfSigned("cluster.local", time);
        return authority.Files;
    }
}
