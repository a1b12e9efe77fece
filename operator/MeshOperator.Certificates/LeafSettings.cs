namespace MeshOperator.Certificates;

/// <summary>What proxies' certificates are like. May be replaced while the issuer runs.</summary>
public sealed record LeafSettings
{
    /// <summary>The shortest life: renewal is looked for once a minute.</summary>
    public static readonly TimeSpan ShortestLifetime = TimeSpan.FromMinutes(10);

    /// <summary>How long a certificate is valid; never longer than the authority that signs it.</summary>
    public TimeSpan Lifetime { get; init; } = TimeSpan.FromHours(24);

    /// <summary>The part of its life after which it is renewed, from 0.1 to 0.9; up to <see cref="Jitter"/> of its life sooner or
    /// later.</summary>
    public double RenewAt { get; init; } = 0.5;

    /// <summary>The algorithm of its key.</summary>
    public LeafKeyType KeyType { get; init; } = LeafKeyType.EcdsaP256;

    /// <summary>How far renewals are spread, as a part of the life: proxies that started together renew apart. With 24 hours less than
    /// one of 100 of them renews within a minute on average.</summary>
    public static double Jitter => 0.05;

    /// <summary>When a certificate that has <paramref name="life"/> before it is renewed.</summary>
    internal TimeSpan RenewAfter(TimeSpan life, double random) => life * (RenewAt + (Jitter * ((2 * random) - 1)));

    /// <summary>Throws when a value is out of its bounds.</summary>
    internal LeafSettings Checked()
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(Lifetime, ShortestLifetime);
        ArgumentOutOfRangeException.ThrowIfLessThan(RenewAt, 0.1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(RenewAt, 0.9);
        return this;
    }
}

/// <summary>The algorithm of a certificate's key.</summary>
public enum LeafKeyType
{
    /// <summary>ECDSA on the curve P-256.</summary>
    EcdsaP256,

    /// <summary>RSA with 2,048 bits, for peers that know nothing else; making one takes a hundred times as long.</summary>
    Rsa2048,
}
