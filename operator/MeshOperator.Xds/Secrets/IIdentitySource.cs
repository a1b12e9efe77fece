namespace MeshOperator.Xds.Secrets;

/// <summary>Where the certificates that proxies are sent come from; the host implements it.</summary>
public interface IIdentitySource
{
    /// <summary>Raised when the trust bundle was replaced: streams then ask again. Raised from any thread.</summary>
    event Action? Changed;

    /// <summary>The trusted roots.</summary>
    TrustMaterial TrustBundle { get; }

    /// <summary>The current leaf of a proxy, made on first use. Called by many streams at once, and again by each of them after
    /// <see cref="Changed"/>, so it answers from memory when it can.</summary>
    /// <param name="nodeId">The proxy; two of the same identity have different keys.</param>
    /// <param name="spiffeId">Its identity.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    ValueTask<IdentityMaterial> GetIdentityAsync(string nodeId, string spiffeId, CancellationToken cancellationToken);

    /// <summary>Called when a stream that was given a leaf has ended.</summary>
    void Release(string nodeId, string spiffeId);
}

/// <summary>The trusted roots.</summary>
/// <param name="Roots">The roots, PEM.</param>
/// <param name="Id">Another one for other roots.</param>
public sealed record TrustMaterial(ReadOnlyMemory<byte> Roots, string Id);

/// <summary>A certificate with its private key. The key is never written into logs.</summary>
public sealed class IdentityMaterial
{
    /// <summary>Both in PEM.</summary>
    public IdentityMaterial(ReadOnlyMemory<byte> certificateChain, ReadOnlyMemory<byte> privateKey, CancellationToken due = default)
    {
        CertificateChain = certificateChain;
        PrivateKey = privateKey;
        Due = due;
    }

    /// <summary>The leaf first, then its issuers up to below the root; PEM.</summary>
    public ReadOnlyMemory<byte> CertificateChain { get; }

    /// <summary>The leaf's key, PEM.</summary>
    public ReadOnlyMemory<byte> PrivateKey { get; }

    /// <summary>Cancelled when another is to be asked for: only the streams that were given this one wake up.</summary>
    public CancellationToken Due { get; }

    /// <summary>The signer, or null.</summary>
    public string? Signer { get; init; }

    /// <summary>Shows nothing of the content.</summary>
    public override string ToString() => nameof(IdentityMaterial);
}
