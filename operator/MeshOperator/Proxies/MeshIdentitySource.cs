using System.Text;
using MeshOperator.Certificates;
using MeshOperator.Xds.Secrets;

namespace MeshOperator.Proxies;

/// <summary>Gives the ADS server the certificates of the issuer.</summary>
internal sealed class MeshIdentitySource(IdentityIssuer issuer) : IIdentitySource
{
    public event Action? Changed
    {
        add => issuer.Changed += value;
        remove => issuer.Changed -= value;
    }

    public ReadOnlyMemory<byte> TrustBundle => Encoding.ASCII.GetBytes(issuer.TrustBundle);

    public ValueTask<IdentityMaterial> GetIdentityAsync(string spiffeId, CancellationToken cancellationToken)
    {
        var issued = issuer.Get(spiffeId);
        return ValueTask.FromResult(new IdentityMaterial(Encoding.ASCII.GetBytes(issued.CertificateChain), Encoding.ASCII.GetBytes(issued.PrivateKey)));
    }
}
