using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using MeshOperator.Certificates.Rotation;
using MeshOperator.Testing;
using Microsoft.Extensions.Time.Testing;
using Shouldly;
using Xunit;

namespace MeshOperator.Certificates.Tests;

public sealed class AuthorityStateTests
{
    private static readonly RotationProgress Everybody = new(2, 2, []);
    private static readonly RotationProgress Held = new(1, 2, [new RotationHold("web-0.shop", "is not connected")]);
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));

    [Fact]
    public void A_rotation_trusts_both_then_signs_with_the_new_then_trusts_the_new_only()
    {
        var (old, next) = (NewRoot(), NewRoot());
        var stable = AuthorityState.Create(old, _time.GetUtcNow());

        var distributing = Next(stable, next, Everybody).ShouldNotBeNull();
        (distributing.Phase, distributing.Signer, distributing.TrustBundle).ShouldBe(
            (RotationPhase.DistributingTrust, old, old.Roots + next.Roots)
        );
        var signing = Next(distributing, next, Everybody).ShouldNotBeNull();
        (signing.Phase, signing.Signer, signing.Next, signing.TrustBundle).ShouldBe(
            (RotationPhase.Signing, next, null, old.Roots + next.Roots)
        );
        var retiring = Next(signing, next, Everybody).ShouldNotBeNull();
        (retiring.Phase, retiring.Signer, retiring.TrustBundle).ShouldBe((RotationPhase.Retiring, next, next.Roots));
        var after = Next(retiring, next, Everybody).ShouldNotBeNull();
        (after.Phase, after.Signer, after.TrustBundle, after.Epoch).ShouldBe((RotationPhase.Stable, next, next.Roots, 5));
        Next(after, next, Everybody).ShouldBeNull();
    }

    [Theory]
    [InlineData(RotationPhase.DistributingTrust)]
    [InlineData(RotationPhase.Signing)]
    [InlineData(RotationPhase.Retiring)]
    public void However_much_time_passes_no_step_is_taken_while_somebody_holds_it(RotationPhase phase)
    {
        var next = NewRoot();
        var state = AuthorityState.Create(NewRoot(), _time.GetUtcNow());
        while (state.Phase != phase)
            state = Next(state, next, Everybody)!;
        _time.Advance(TimeSpan.FromDays(400));
        Next(state, next, new RotationProgress(1, 2, [new RotationHold("web-0.shop", "has not acknowledged")])).ShouldBeNull();
        Next(state, next, new RotationProgress(2, 2, [new RotationHold("replica", "has not followed")])).ShouldBeNull();
        Next(state, next, Everybody).ShouldNotBeNull();
    }

    [Fact]
    public void The_old_root_stays_trusted_for_the_overlap()
    {
        var next = NewRoot();
        var signing = AuthorityState.Create(NewRoot(), _time.GetUtcNow()).Begin(next, _time).Sign(_time);
        RotationSchedule.Next(signing, next, Everybody, TimeSpan.FromHours(1), _time).ShouldBeNull();
        _time.Advance(TimeSpan.FromHours(1));
        RotationSchedule
            .Next(signing, next, Everybody, TimeSpan.FromHours(1), _time)
            .ShouldNotBeNull()
            .Phase.ShouldBe(RotationPhase.Retiring);
    }

    [Fact]
    public async Task Who_knows_only_the_first_root_trusts_servers_after_two_rotations_says_OpenSSL()
    {
        OpenSsl.Require();
        var time = TimeProvider.System;
        var first = NewRoot(time);
        var state = AuthorityState.Create(first, time.GetUtcNow());
        for (var i = 0; i < 2; i++)
            state = state.Begin(NewRoot(time), time).Sign(time).Retire(time).Finish(time);
        using var authority = CertificateAuthority.Load(state.Signer, time);
        var leaf = authority.IssueServer(["mesh-operator.mesh-system.svc"], [], TimeSpan.FromDays(30)).CertificateChain;

        (await OpenSslVerifyAsync(first.Roots, leaf, state.CrossCertificates)).ShouldContain(": OK");
        (await OpenSslVerifyAsync(state.TrustBundle, leaf, state.CrossCertificates)).ShouldContain(": OK");
        (await OpenSslVerifyAsync(first.Roots, leaf, string.Empty)).ShouldContain("unable to get local issuer certificate");
    }

    [Fact]
    public async Task Who_knows_only_the_first_root_trusts_servers_when_the_next_one_was_in_the_bundle_before_it_signed_says_OpenSSL()
    {
        OpenSsl.Require();
        var time = TimeProvider.System;
        var (first, next) = (NewRoot(time), NewRoot(time));
        var state = AuthorityState.Create(first, time.GetUtcNow());
        foreach (var wanted in new[] { first with { Roots = first.Roots + next.Roots }, next })
            state = state.Begin(wanted, time).Sign(time).Retire(time).Finish(time);
        using var authority = CertificateAuthority.Load(state.Signer, time);
        var leaf = authority.IssueServer(["mesh-operator.mesh-system.svc"], [], TimeSpan.FromDays(30)).CertificateChain;

        (await OpenSslVerifyAsync(first.Roots, leaf, state.CrossCertificates)).ShouldContain(": OK");
    }

    [Fact]
    public void An_authority_that_may_have_none_below_it_signs_no_other_root()
    {
        var files = UserAuthority.Intermediate(_time.GetUtcNow());
        var begun = AuthorityState.Create(files, _time.GetUtcNow()).Begin(NewRoot(), _time);
        begun.CrossCertificates.ShouldBeEmpty();
        begun.Phase.ShouldBe(RotationPhase.DistributingTrust);
    }

    [Fact]
    public void An_expired_authority_is_followed_at_once()
    {
        var old = AuthorityState.Create(NewRoot(), _time.GetUtcNow());
        _time.Advance(TimeSpan.FromDays(4000));
        var next = NewRoot();
        var state = old.Begin(next, _time);
        (state.Phase, state.Signer).ShouldBe((RotationPhase.Signing, next));
    }

    [Fact]
    public void An_authority_that_ends_while_trust_is_distributed_is_followed_at_once_whoever_holds_that()
    {
        var old = NewRoot();
        _time.Advance(TimeSpan.FromDays(3640));
        var next = NewRoot();
        var state = AuthorityState.Create(old, _time.GetUtcNow()).Begin(next, _time);
        Next(state, next, Held).ShouldBeNull();
        _time.Advance(TimeSpan.FromDays(20));

        foreach (var wanted in new[] { next, null, NewRoot() })
        {
            var signing = Next(state, wanted, Held).ShouldNotBeNull();
            (signing.Phase, signing.Signer, signing.Next).ShouldBe((RotationPhase.Signing, wanted ?? next, null));
            signing.TrustBundle.ShouldContain((wanted ?? next).Roots);
        }
    }

    [Theory]
    [InlineData(RotationPhase.Signing)]
    [InlineData(RotationPhase.Retiring)]
    public void A_new_authority_that_ends_before_its_rotation_does_is_followed_by_the_next(RotationPhase phase)
    {
        var brief = NewRoot();
        _time.Advance(TimeSpan.FromDays(3640));
        var state = AuthorityState.Create(NewRoot(), _time.GetUtcNow());
        while (state.Phase != phase)
            state = Next(state, brief, Everybody)!;
        _time.Advance(TimeSpan.FromDays(20));
        Next(state, null, Held).ShouldBeNull();
        Next(state, brief, Held).ShouldBeNull();

        var next = NewRoot();
        var signing = Next(state, next, Held).ShouldNotBeNull();
        (signing.Phase, signing.Signer, signing.TrustBundle).ShouldBe((RotationPhase.Signing, next, state.TrustBundle + next.Roots));
    }

    [Fact]
    public void An_authority_that_ends_before_it_signs_is_given_up()
    {
        var brief = NewRoot();
        _time.Advance(TimeSpan.FromDays(3640));
        var old = NewRoot();
        var state = AuthorityState.Create(old, _time.GetUtcNow()).Begin(brief, _time);
        _time.Advance(TimeSpan.FromDays(20));

        foreach (var progress in new[] { Everybody, Held })
        {
            var without = Next(state, null, progress).ShouldNotBeNull();
            (without.Phase, without.Signer, without.Next, without.TrustBundle, without.Epoch).ShouldBe(
                (RotationPhase.Stable, old, null, old.Roots, 3)
            );
            Next(without, NewRoot(), progress).ShouldNotBeNull().Phase.ShouldBe(RotationPhase.DistributingTrust);
        }
    }

    [Fact]
    public void A_root_whose_key_signs_again_needs_no_cross_signature_when_it_is_trusted_already()
    {
        var files = NewRoot();
        var state = AuthorityState.Create(files, _time.GetUtcNow());
        state.Begin(files with { Certificate = files.Certificate + "\n" }, _time).CrossCertificates.ShouldBeEmpty();
    }

    [Fact]
    public void Through_ten_years_of_rotations_every_two_proxies_trust_each_other_all_the_time()
    {
        var files = NewRoot();
        var state = AuthorityState.Create(files, _time.GetUtcNow());
        var proxies = Enumerable.Range(0, 3).Select(i => new Proxy($"spiffe://cluster.local/ns/shop/sa/s{i}")).ToArray();
        var (rotations, handshakes, end) = (0, 0, _time.GetUtcNow().AddYears(10));
        for (var step = 0; _time.GetUtcNow() < end; step++)
        {
            // Each proxy looks at another step, so that proxies of two states meet in each phase.
            using var signer = CertificateAuthority.Load(state.Signer, _time);
            if (step % 3 == 0)
                foreach (var proxy in proxies)
                    proxy.Follow(state, signer, _time, onlyWhenDue: step % 2 == 0);
            else
                proxies[step % proxies.Length].Follow(state, signer, _time, onlyWhenDue: false);
            handshakes += proxies.Sum(a => proxies.Count(b => a.Trusts(b, _time.GetUtcNow())));
            handshakes.ShouldBe((step + 1) * proxies.Length * proxies.Length, $"in {state} at {_time.GetUtcNow():u}");

            var held = proxies.Where(p => !p.Has(state)).Select(p => new RotationHold(p.Id, "is behind")).ToList();
            if (state.Phase == RotationPhase.Stable && step % 25 == 24)
                files = NewRoot();
            var before = state.Phase;
            state =
                RotationSchedule.Next(
                    state,
                    files,
                    new RotationProgress(proxies.Length - held.Count, proxies.Length, held),
                    TimeSpan.Zero,
                    _time
                ) ?? state;
            if (before == RotationPhase.Retiring && state.Phase == RotationPhase.Stable)
                rotations++;
            _time.Advance(TimeSpan.FromDays(5));
        }

        rotations.ShouldBeGreaterThan(20);
    }

    private AuthorityState? Next(AuthorityState state, CertificateAuthorityFiles? wanted, RotationProgress progress) =>
        RotationSchedule.Next(state, wanted, progress, TimeSpan.Zero, _time);

    private CertificateAuthorityFiles NewRoot() => NewRoot(_time);

    private static CertificateAuthorityFiles NewRoot(TimeProvider time)
    {
        using var authority = CertificateAuthority.CreateSelfSigned("cluster.local", time);
        return authority.Files;
    }

    private static async Task<string> OpenSslVerifyAsync(string roots, string leaf, string untrusted)
    {
        var folder = Directory.CreateTempSubdirectory("mesh-cross-");
        try
        {
            async Task<string> WriteAsync(string name, string content)
            {
                var path = Path.Combine(folder.FullName, name);
                await File.WriteAllTextAsync(path, content, TestContext.Current.CancellationToken);
                return path;
            }

            string[] chain = untrusted.Length == 0 ? [] : ["-untrusted", await WriteAsync("cross.crt", untrusted)];
            return (
                await OpenSsl.RunAsync([
                    "verify",
                    "-x509_strict",
                    "-CAfile",
                    await WriteAsync("roots.crt", roots),
                    .. chain,
                    await WriteAsync("leaf.crt", leaf),
                ])
            ).Output;
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    /// <summary>What a proxy holds: roots and a certificate of ten days, renewed after five.</summary>
    private sealed class Proxy(string id)
    {
        private string _bundle = string.Empty;
        private string _signer = string.Empty;
        private X509Certificate2? _leaf;

        public string Id => id;

        public void Follow(AuthorityState state, CertificateAuthority signer, TimeProvider time, bool onlyWhenDue)
        {
            _bundle = state.TrustBundle;
            if (
                onlyWhenDue
                && _leaf is not null
                && _signer == signer.Fingerprint
                && time.GetUtcNow() < _leaf.NotAfter.ToUniversalTime().AddDays(-16)
            )
                return;
            _signer = signer.Fingerprint;
            _leaf = X509Certificate2.CreateFromPem(signer.IssueIdentity(id, TimeSpan.FromDays(40)).CertificateChain);
        }

        public bool Has(AuthorityState state)
        {
            if (state.Phase != RotationPhase.Signing)
                return _bundle == state.TrustBundle;
            using var signer = X509Certificate2.CreateFromPem(state.Signer.Certificate);
            return _signer == Convert.ToHexStringLower(signer.GetCertHash(HashAlgorithmName.SHA256));
        }

        public bool Trusts(Proxy other, DateTimeOffset now)
        {
            if (_leaf is null || other._leaf is null)
                return true;
            using var chain = new X509Chain();
            chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            chain.ChainPolicy.CustomTrustStore.ImportFromPem(_bundle);
            chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
            chain.ChainPolicy.VerificationTime = now.UtcDateTime;
            return chain.Build(other._leaf);
        }
    }
}
