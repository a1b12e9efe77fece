using System.Runtime.CompilerServices;
using System.Text;
using MeshOperator.Certificates;
using MeshOperator.Xds.Secrets;

namespace MeshOperator.Proxies;

/// <summary>Gives the ADS server the certificates of the issuer.</summary>
internal sealed class MeshIdentitySource(IdentityIssuer issuer) : IIdentitySource
{
    /// <summary>A certificate's material is made once: the server tells by the instance that nothing was renewed.</summary>
    private readonly ConditionalWeakTable<IssuedCertificate, IdentityMaterial> _materials = [];

    public event Action? Changed
    {
        add => issuer.Changed += value;
        remove => issuer.Changed -= value;
    }

    public ReadOnlyMemory<byte> TrustBundle => Encoding.ASCII.GetBytes(issuer.TrustBundle);

    public ValueTask<IdentityMaterial> GetIdentityAsync(string spiffeId, CancellationToken cancellationToken) => ValueTask.FromResult(
        _materials.GetValue(
            issuer.Get(spiffeId),
            issued => new IdentityMaterial(Encoding.ASCII.GetBytes(issued.CertificateChain), Encoding.ASCII.GetBytes(issued.PrivateKey))));
}
