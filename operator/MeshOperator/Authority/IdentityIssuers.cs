using MeshOperator.Api;
using MeshOperator.Api.Authorities;
using MeshOperator.Api.Policies;
using MeshOperator.Api.Validation;
using MeshOperator.Certificates;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Informers;
using MeshOperator.Settings;

namespace MeshOperator.Authority;

/// <summary>Makes the issuer of proxies' certificates, which follows the certificate authority and the settings of the user.</summary>
internal static class IdentityIssuers
{
    private static readonly MeshCertificateAuthorityValidator Validator = new();

    /// <summary>The issuer. Settings that are not valid change nothing; the status says why.</summary>
    public static IdentityIssuer Create(
        MeshAuthority authority,
        SharedInformer<MeshCertificateAuthority> settings,
        OperatorOptions options,
        TimeProvider time,
        Random random
    )
    {
        var turn = new Lock();
        var issuer = new IdentityIssuer(authority.Current.Signer, new LeafSettings(), time, random);
        authority.Changed += Take;
        Take();
        settings.Changed += change => Follow(change.New);
        Follow(settings.Objects.GetValueOrDefault(new ObjectKey(string.Empty, options.CertificateAuthority)));
        return issuer;

        // Two changes at once may be reported in the wrong order.
        void Take()
        {
            lock (turn)
                issuer.Use(authority.Current.Signer);
        }

        void Follow(MeshCertificateAuthority? entity)
        {
            if (entity?.Metadata.Name == options.CertificateAuthority && Validator.Validate(entity.Spec).IsValid)
                issuer.Use(Read(entity.Spec));
        }
    }

    private static LeafSettings Read(MeshCertificateAuthoritySpec spec) =>
        new()
        {
            Lifetime = MeshDuration.Parse(spec.LeafTTL),
            RenewAt = spec.RenewAt,
            KeyType = spec.KeyType == "RSA_2048" ? LeafKeyType.Rsa2048 : LeafKeyType.EcdsaP256,
        };
}
