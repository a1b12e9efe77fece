using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Time.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.Certificates.Tests;

public sealed class IdentityIssuerTests
{
    private const string Web = "spiffe://cluster.local/ns/shop/sa/web";
    private static readonly TimeSpan Minute = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Day = TimeSpan.FromHours(24);

    [Fact]
    public void A_proxy_keeps_its_certificate_until_half_of_its_life_and_is_then_asked_to_get_another()
    {
        using var mesh = new Mesh();
        var first = mesh.Issuer.Get("web-0.shop", Web);

        mesh.Time.Advance(Day * 0.44);
        mesh.Issuer.Get("web-0.shop", Web).ShouldBeSameAs(first);
        first.Due.IsCancellationRequested.ShouldBeFalse();
        mesh.Time.Advance(Day * 0.12);
        first.Due.IsCancellationRequested.ShouldBeTrue();
        var second = mesh.Issuer.Get("web-0.shop", Web);
        second.Certificate.NotAfter.ShouldBeGreaterThan(first.Certificate.NotAfter);
        second.Certificate.PrivateKey.ShouldNotBe(first.Certificate.PrivateKey);
    }

    [Fact]
    public void Proxies_of_one_identity_have_keys_and_serial_numbers_of_their_own()
    {
        using var mesh = new Mesh();
        var leaves = Enumerable.Range(0, 20).Select(i => mesh.Issuer.Get($"web-{i}.shop", Web).Certificate).ToList();
        leaves.Select(l => l.PrivateKey).Distinct().Count().ShouldBe(20);
        leaves.Select(l => Read(l).SerialNumber).Distinct().Count().ShouldBe(20);
    }

    [Fact]
    public async Task Streams_that_ask_at_once_get_the_same_certificate()
    {
        using var mesh = new Mesh();
        var leaves = await Task.WhenAll(
            Enumerable.Range(0, 16).Select(_ => Task.Run(() => mesh.Issuer.Get("web-0.shop", Web), TestContext.Current.CancellationToken))
        );
        leaves.Distinct().ShouldHaveSingleItem();
    }

    [Fact]
    public void No_more_than_one_in_twenty_of_2000_proxies_that_started_together_renew_within_any_minute()
    {
        using var mesh = new Mesh();
        var proxies = Enumerable.Range(0, 2000).Select(i => mesh.Connect($"web-{i}.shop")).ToList();
        var perMinute = new List<int>();
        for (var minute = 0; minute < 3 * 24 * 60; minute++)
        {
            mesh.Time.Advance(Minute);
            perMinute.Add(proxies.Sum(p => p.RenewIfDue()));
            (proxies.Min(p => p.Leaf.Certificate.NotAfter) - mesh.Time.GetUtcNow()).ShouldBeGreaterThan(Day * 0.4);
        }

        // Two ticks, as any minute may touch two of them.
        perMinute.Zip(perMinute.Skip(1), (a, b) => a + b).Max().ShouldBeLessThanOrEqualTo(100);
        perMinute.Sum().ShouldBeInRange(2000 * 5, 2000 * 6);
    }

    [Fact]
    public void Proxies_have_a_valid_certificate_at_every_moment_of_ten_years()
    {
        using var mesh = new Mesh();
        var proxies = Enumerable.Range(0, 2).Select(i => mesh.Connect($"web-{i}.shop")).ToList();
        var renewals = 0;
        // A root that is made here ends after ten years; its last day is left out, as leaves end with it.
        while (mesh.Time.GetUtcNow() < mesh.Authority.NotAfter - Day)
        {
            mesh.Time.Advance(TimeSpan.FromHours(1));
            renewals += proxies.Sum(p => p.RenewIfDue());
            (proxies.Min(p => p.Leaf.Certificate.NotAfter) - mesh.Time.GetUtcNow()).ShouldBeGreaterThan(Day * 0.3);
            proxies.Max(p => p.Leaf.Certificate.NotBefore).ShouldBeLessThan(mesh.Time.GetUtcNow());
        }

        renewals.ShouldBeInRange(2 * 3649 * 2 * 9 / 10, 2 * 3650 * 2);
    }

    [Fact]
    public void A_proxy_that_comes_back_soon_finds_its_certificate_and_one_that_does_not_is_forgotten()
    {
        using var mesh = new Mesh();
        var (back, gone) = (mesh.Issuer.Get("web-0.shop", Web), mesh.Issuer.Get("web-1.shop", Web));
        mesh.Issuer.Release("web-0.shop", Web);
        mesh.Issuer.Release("web-1.shop", Web);
        mesh.Time.Advance(Minute * 5);
        mesh.Issuer.Get("web-0.shop", Web).ShouldBeSameAs(back);
        mesh.Time.Advance(Minute * 10);
        mesh.Issuer.Count.ShouldBe(1);
        // Whoever should have it all the same does not go on without renewals.
        gone.Due.IsCancellationRequested.ShouldBeTrue();
    }

    [Fact]
    public void What_is_due_and_not_asked_for_again_is_forgotten()
    {
        using var mesh = new Mesh();
        for (var i = 0; i < 50; i++)
            mesh.Issuer.Get($"web-{i}.shop", Web);
        mesh.Time.Advance(Day);
        mesh.Issuer.Count.ShouldBe(0);
    }

    [Fact]
    public void Settings_can_be_replaced_while_proxies_are_served()
    {
        using var mesh = new Mesh();
        var proxies = Enumerable.Range(0, 40).Select(i => mesh.Connect($"web-{i}.shop")).ToList();
        mesh.Issuer.Use(
            new LeafSettings
            {
                Lifetime = TimeSpan.FromHours(1),
                RenewAt = 0.8,
                KeyType = LeafKeyType.EcdsaP256,
            }
        );

        var perMinute = new List<int>();
        for (var minute = 0; minute < 49; minute++)
        {
            mesh.Time.Advance(Minute);
            perMinute.Add(proxies.Sum(p => p.RenewIfDue()));
        }

        perMinute.Max().ShouldBeLessThan(10, "what there is already is renewed apart too");
        proxies.ShouldAllBe(p => p.Leaf.Certificate.NotAfter - p.Leaf.Certificate.NotBefore < TimeSpan.FromHours(1.2));
    }

    [Fact]
    public void An_RSA_key_may_encipher_and_an_ECDSA_key_only_sign()
    {
        using var mesh = new Mesh();
        Usages(mesh.Issuer.Get("web-0.shop", Web)).ShouldBe(X509KeyUsageFlags.DigitalSignature);
        mesh.Issuer.Use(new LeafSettings { KeyType = LeafKeyType.Rsa2048 });
        var rsa = mesh.Issuer.Get("web-1.shop", Web);
        Usages(rsa).ShouldBe(X509KeyUsageFlags.DigitalSignature | X509KeyUsageFlags.KeyEncipherment);
        using var certificate = X509Certificate2.CreateFromPem(rsa.Certificate.CertificateChain, rsa.Certificate.PrivateKey);
        certificate.GetRSAPublicKey()!.KeySize.ShouldBe(2048);
    }

    [Theory]
    [InlineData(5, 0.5)]
    [InlineData(60, 0.05)]
    [InlineData(60, 0.95)]
    public void Settings_out_of_bounds_are_refused(int minutes, double renewAt)
    {
        using var mesh = new Mesh();
        Should.Throw<ArgumentOutOfRangeException>(() =>
            mesh.Issuer.Use(new LeafSettings { Lifetime = Minute * minutes, RenewAt = renewAt })
        );
        mesh.Issuer.Settings.ShouldBe(new LeafSettings());
    }

    [Fact]
    public void An_authority_that_has_expired_signs_nothing_and_another_takes_over()
    {
        using var mesh = new Mesh();
        mesh.Time.SetUtcNow(mesh.Authority.NotAfter);
        Should.Throw<CertificateAuthorityException>(() => mesh.Issuer.Get("web-0.shop", Web)).Message.ShouldContain("expired");
        using var next = CertificateAuthority.CreateSelfSigned("cluster.local", mesh.Time);
        mesh.Issuer.Use(next);
        mesh.Issuer.Get("web-0.shop", Web).Certificate.NotAfter.ShouldBe(mesh.Time.GetUtcNow() + Day);
    }

    [Fact]
    public void Another_authority_makes_all_certificates_due()
    {
        using var mesh = new Mesh();
        var leaf = mesh.Issuer.Get("web-0.shop", Web);
        using var next = CertificateAuthority.CreateSelfSigned("cluster.local", mesh.Time);
        mesh.Issuer.Use(next);
        leaf.Due.IsCancellationRequested.ShouldBeTrue();
        leaf.Certificate.Signer.ShouldBe(mesh.Authority.Fingerprint);
        mesh.Issuer.Get("web-0.shop", Web).Certificate.Signer.ShouldBe(next.Fingerprint);
    }

    private static X509Certificate2 Read(IssuedCertificate issued) => X509Certificate2.CreateFromPem(issued.CertificateChain);

    private static X509KeyUsageFlags Usages(IssuedLeaf leaf)
    {
        using var certificate = Read(leaf.Certificate);
        return certificate.Extensions.OfType<X509KeyUsageExtension>().Single().KeyUsages;
    }

    /// <summary>An issuer under a clock of the test's own.</summary>
    private sealed class Mesh : IDisposable
    {
        public Mesh()
        {
            Authority = CertificateAuthority.CreateSelfSigned("cluster.local", Time);
            Issuer = new IdentityIssuer(Authority, new LeafSettings(), Time, new Random(7));
        }

        public FakeTimeProvider Time { get; } = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));

        public CertificateAuthority Authority { get; }

        public IdentityIssuer Issuer { get; }

        public Proxy Connect(string nodeId) => new(Issuer, nodeId);

        public void Dispose()
        {
            Issuer.Dispose();
            Authority.Dispose();
        }
    }

    /// <summary>Does what a stream does: asks again when it is asked to.</summary>
    private sealed class Proxy(IdentityIssuer issuer, string nodeId)
    {
        public IssuedLeaf Leaf { get; private set; } = issuer.Get(nodeId, Web);

        public int RenewIfDue()
        {
            if (!Leaf.Due.IsCancellationRequested)
                return 0;
            Leaf = issuer.Get(nodeId, Web);
            return 1;
        }
    }
}
