namespace MeshOperator.Certificates.Rotation;

/// <summary>What all replicas agree on: who signs, who is trusted, and how far a rotation is. Immutable; each step makes another
/// one.</summary>
public sealed record AuthorityState
{
    /// <summary>Grows with each step; who has seen a later one ignores an earlier one.</summary>
    public required long Epoch { get; init; }

    /// <summary>How far a rotation is.</summary>
    public required RotationPhase Phase { get; init; }

    /// <summary>Since when it is in that phase.</summary>
    public required DateTimeOffset Since { get; init; }

    /// <summary>What signs.</summary>
    public required CertificateAuthorityFiles Signer { get; init; }

    /// <summary>What will sign once all proxies trust it; only while trust is distributed.</summary>
    public CertificateAuthorityFiles? Next { get; init; }

    /// <summary>The roots that are trusted, PEM.</summary>
    public required string TrustBundle { get; init; }

    /// <summary>Certificates that lead from roots that were trusted once to the present one, newest first, PEM. The operator's servers send
    /// them along: a proxy reads the roots by which it knows the operator once, when it starts.</summary>
    public string CrossCertificates { get; init; } = string.Empty;

    /// <summary>The state in which an authority is the only one from the beginning.</summary>
    public static AuthorityState Create(CertificateAuthorityFiles signer, DateTimeOffset now)
    {
        ArgumentNullException.ThrowIfNull(signer);
        return new AuthorityState
        {
            Epoch = 1,
            Phase = RotationPhase.Stable,
            Since = now,
            Signer = signer,
            TrustBundle = PemBundle.Union(signer.Roots),
        };
    }

    /// <summary>Whether the authority that signs still can; one that has expired cannot.</summary>
    public bool CanSign(TimeProvider time) => CanBeUsed(Signer, time);

    /// <summary>Whether the authority that will sign could.</summary>
    public bool CanNextSign(TimeProvider time) => Next is not null && CanBeUsed(Next, time);

    /// <summary>Begins to distribute trust in another authority. One whose predecessor can sign no more, as it has expired, signs at once,
    /// whatever the phase.</summary>
    /// <exception cref="InvalidOperationException">A rotation is in flight.</exception>
    /// <exception cref="CertificateAuthorityException">The other authority cannot be used.</exception>
    public AuthorityState Begin(CertificateAuthorityFiles next, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(next);
        ArgumentNullException.ThrowIfNull(time);
        using var signer = TryLoad(Signer, time);
        if (signer is not null)
            Demand(RotationPhase.Stable);
        using var successor = CertificateAuthority.Load(next, time);
        var begun = Step(RotationPhase.DistributingTrust, time) with
        {
            Next = next,
            TrustBundle = PemBundle.Union(TrustBundle, next.Roots),
            CrossCertificates = PemBundle.WithoutExpired(Cross(signer, successor) + CrossCertificates, time.GetUtcNow()),
        };
        return signer is null ? begun.Sign(time) : begun;
    }

    /// <summary>Gives the new authority up before it has signed anything.</summary>
    /// <exception cref="InvalidOperationException">It is not the time for it.</exception>
    public AuthorityState Abandon(TimeProvider time)
    {
        Demand(RotationPhase.DistributingTrust);
        return Step(RotationPhase.Stable, time) with { Next = null, TrustBundle = PemBundle.Union(Signer.Roots) };
    }

    /// <summary>Lets the new authority sign.</summary>
    /// <exception cref="InvalidOperationException">It is not the time for it.</exception>
    public AuthorityState Sign(TimeProvider time)
    {
        Demand(RotationPhase.DistributingTrust);
        return Step(RotationPhase.Signing, time) with { Signer = Next!, Next = null };
    }

    /// <summary>Ends the trust in all but the authority that signs.</summary>
    /// <exception cref="InvalidOperationException">It is not the time for it.</exception>
    public AuthorityState Retire(TimeProvider time)
    {
        Demand(RotationPhase.Signing);
        return Step(RotationPhase.Retiring, time) with { TrustBundle = PemBundle.Union(Signer.Roots) };
    }

    /// <summary>Ends the rotation.</summary>
    /// <exception cref="InvalidOperationException">It is not the time for it.</exception>
    public AuthorityState Finish(TimeProvider time)
    {
        Demand(RotationPhase.Retiring);
        return Step(RotationPhase.Stable, time);
    }

    /// <summary>Names epoch and phase only, so that no key gets into a log.</summary>
    public override string ToString() => $"{Phase} (epoch {Epoch})";

    private void Demand(RotationPhase phase)
    {
        if (Phase != phase)
            throw new InvalidOperationException($"This step follows {phase}, and the phase is {Phase}.");
    }

    private AuthorityState Step(RotationPhase phase, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(time);
        return this with { Epoch = Epoch + 1, Phase = phase, Since = time.GetUtcNow() };
    }

    private static bool CanBeUsed(CertificateAuthorityFiles files, TimeProvider time)
    {
        using var authority = TryLoad(files, time);
        return authority is not null;
    }

    private static CertificateAuthority? TryLoad(CertificateAuthorityFiles files, TimeProvider time)
    {
        try
        {
            return CertificateAuthority.Load(files, time);
        }
        catch (CertificateAuthorityException)
        {
            return null;
        }
    }

    /// <summary>The root of the next authority signed by the present one; empty when it need not or may not be. That the root is in the
    /// trust bundle already is no reason: who started before that does not know it.</summary>
    private static string Cross(CertificateAuthority? signer, CertificateAuthority successor)
    {
        if (signer is null)
            return string.Empty;
        using var root = successor.FindRoot();
        using var present = signer.FindRoot();
        return root.Thumbprint == present.Thumbprint ? string.Empty : signer.CrossSign(root, successor.Depth) ?? string.Empty;
    }
}
