namespace MeshOperator.Xds.Secrets;

/// <summary>Where the certificates that proxies are sent come from; the host implements it.</summary>
public interface IIdentitySource
{
    /// <summary>Raised when some identity or the trust bundle was renewed: streams then ask again. Raised from any thread.</summary>
    event Action? Changed;

    /// <summary>The trusted roots, PEM.</summary>
    ReadOnlyMemory<byte> TrustBundle { get; }

    /// <summary>The current leaf of a SPIFFE identity, made on first use and renewed by the implementation. Called by many streams at
    /// once, and again by each of them after <see cref="Changed"/>, so it answers from memory when it can.</summary>
    ValueTask<IdentityMaterial> GetIdentityAsync(string spiffeId, CancellationToken cancellationToken);
}

/// <summary>A certificate with its private key. The key is never written into logs.</summary>
public sealed class IdentityMaterial
{
    /// <summary>Both in PEM.</summary>
    public IdentityMaterial(ReadOnlyMemory<byte> certificateChain, ReadOnlyMemory<byte> privateKey)
    {
        CertificateChain = certificateChain;
        PrivateKey = privateKey;
    }

    /// <summary>The leaf first, then its issuers up to below the root; PEM.</summary>
    public ReadOnlyMemory<byte> CertificateChain { get; }

    /// <summary>The leaf's key, PEM.</summary>
    public ReadOnlyMemory<byte> PrivateKey { get; }

    /// <summary>Tells nothing of the content.</summary>
    public override string ToString() => nameof(IdentityMaterial);
}
