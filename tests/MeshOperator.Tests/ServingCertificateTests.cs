using MeshOperator.Authority;
using MeshOperator.Certificates;
using MeshOperator.Certificates.Rotation;
using MeshOperator.Testing;
using Microsoft.Extensions.Time.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests;

public sealed class ServingCertificateTests
{
    [Fact]
    public void The_operators_own_certificate_is_replaced_at_half_of_its_life_while_it_serves()
    {
        var time = new FakeTimeProvider(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
        using var authority = CertificateAuthority.CreateSelfSigned("cluster.local", time);
        var serving = new ServingCertificate(
            new MeshAuthority(AuthorityState.Create(authority.Files, time.GetUtcNow()), time),
            ["mesh-operator.mesh-system.svc"],
            time
        );

        var first = serving.Current.TargetCertificate;
        first.HasPrivateKey.ShouldBeTrue();
        first.MatchesHostname("mesh-operator.mesh-system.svc").ShouldBeTrue();
        time.Advance(TimeSpan.FromDays(14.9));
        serving.Current.TargetCertificate.ShouldBeSameAs(first);
        time.Advance(TimeSpan.FromDays(0.2));
        serving.Current.TargetCertificate.Thumbprint.ShouldNotBe(first.Thumbprint);
        serving.Current.TargetCertificate.NotAfter.ToUniversalTime().ShouldBe(time.GetUtcNow().AddDays(30).UtcDateTime);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void After_a_rotation_the_chain_leads_to_the_root_before_also_where_a_user_gave_the_new_root_with_the_chain(bool withRoot)
    {
        var time = TimeProvider.System;
        using var old = CertificateAuthority.CreateSelfSigned("cluster.local", time);
        using var oldRoot = old.FindRoot();
        var next = UserAuthority.Intermediate(time.GetUtcNow());
        if (withRoot)
            next = next with { Certificate = next.Certificate + next.Roots };
        var state = AuthorityState.Create(old.Files, time.GetUtcNow()).Begin(next, time).Sign(time);
        var serving = new ServingCertificate(new MeshAuthority(state, time), ["mesh-operator.mesh-system.svc"], time);

        var sent = serving.Current.IntermediateCertificates;
        sent.Select(c => c.Subject).ShouldBe(["CN=user intermediate", "CN=user root"]);
        sent[^1].Issuer.ShouldBe(oldRoot.Subject);
    }
}
