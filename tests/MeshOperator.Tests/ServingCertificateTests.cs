using MeshOperator.Certificates;
using MeshOperator.Certificates.Rotation;
using MeshOperator.Identity;
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
        var serving = new ServingCertificate(new MeshAuthority(AuthorityState.Of(authority.Files, time.GetUtcNow()), time), ["mesh-operator.mesh-system.svc"], time);

        var first = serving.Current.TargetCertificate;
        first.HasPrivateKey.ShouldBeTrue();
        first.MatchesHostname("mesh-operator.mesh-system.svc").ShouldBeTrue();
        time.Advance(TimeSpan.FromDays(14.9));
        serving.Current.TargetCertificate.ShouldBeSameAs(first);
        time.Advance(TimeSpan.FromDays(0.2));
        serving.Current.TargetCertificate.Thumbprint.ShouldNotBe(first.Thumbprint);
        serving.Current.TargetCertificate.NotAfter.ToUniversalTime().ShouldBe(time.GetUtcNow().AddDays(30).UtcDateTime);
    }
}
