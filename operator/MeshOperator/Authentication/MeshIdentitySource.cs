using System.Runtime.CompilerServices;
using System.Text;
using MeshOperator.Authority;
using MeshOperator.Certificates;
using MeshOperator.Xds.Secrets;

namespace MeshOperator.Authentication;

/// <summary>Gives the ADS server the certificates of the issuer, and the roots that are trusted.</summary>
internal sealed class MeshIdentitySource(IdentityIssuer issuer, MeshAuthority authority) : IIdentitySource, IDisposable
{
    /// <summary>Making keys may take half of the machine, however many proxies connect at once, so that streams are served
    /// meanwhile.</summary>
    private readonly SemaphoreSlim _making = new(Math.Max(1, Environment.ProcessorCount / 2));

    /// <summary>A certificate's material is made once: by the instance the server knows that nothing was renewed.</summary>
    private readonly ConditionalWeakTable<IssuedLeaf, IdentityMaterial> _materials = [];

    public event Action? Changed
    {
        add => authority.Changed += value;
        remove => authority.Changed -= value;
    }

    public TrustMaterial TrustBundle
    {
        get
        {
            var roots = authority.TrustBundle;
            return new TrustMaterial(Encoding.ASCII.GetBytes(roots), PemBundle.Fingerprint(roots));
        }
    }

    public ValueTask<IdentityMaterial> GetIdentityAsync(string nodeId, string spiffeId, CancellationToken cancellationToken) =>
        issuer.TryGet(nodeId, spiffeId, out var leaf)
            ? ValueTask.FromResult(CreateMaterial(leaf))
            : new ValueTask<IdentityMaterial>(MakeAsync(nodeId, spiffeId, cancellationToken));

    public void Release(string nodeId, string spiffeId) => issuer.Release(nodeId, spiffeId);

    public void Dispose() => _making.Dispose();

    private async Task<IdentityMaterial> MakeAsync(string nodeId, string spiffeId, CancellationToken cancellationToken)
    {
        await _making.WaitAsync(cancellationToken);
        try
        {
            return CreateMaterial(await Task.Run(() => issuer.Get(nodeId, spiffeId), cancellationToken));
        }
        finally
        {
            _making.Release();
        }
    }

    private IdentityMaterial CreateMaterial(IssuedLeaf leaf) =>
        _materials.GetValue(
            leaf,
            static issued => new IdentityMaterial(
                Encoding.ASCII.GetBytes(issued.Certificate.CertificateChain),
                Encoding.ASCII.GetBytes(issued.Certificate.PrivateKey),
                issued.Due
            )
            {
                Signer = issued.Certificate.Signer,
            }
        );
}
