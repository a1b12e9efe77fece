using MeshOperator.Api;
using MeshOperator.Api.V1Alpha1;
using MeshOperator.Api.Validation;
using MeshOperator.Certificates;
using MeshOperator.Hosting;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Informers;

namespace MeshOperator.Identity;

/// <summary>Makes the issuer of proxies' certificates, which follows the certificate authority and the settings of the user.</summary>
internal static class IdentityIssuers
{
    private static readonly MeshCertificateAuthorityValidator Validator = new();

    /// <summary>The issuer. Settings that are not valid change nothing; the status says why.</summary>
    public static IdentityIssuer Create(
        MeshAuthority authority, SharedInformer<MeshCertificateAuthority> settings, OperatorOptions options, TimeProvider time, Random random)
    {
        var current = authority.Current;
        var issuer = new IdentityIssuer(current.Signer, new LeafSettings(), time, random);
        authority.Changed += () =>
        {
            var next = authority.Current;
            if (Interlocked.Exchange(ref current, next).Signer != next.Signer) issuer.Use(next.Signer);
        };
        settings.Changed += change => Follow(change.New);
        Follow(settings.Objects.GetValueOrDefault(new ObjectKey(string.Empty, options.CertificateAuthority)));
        return issuer;

        void Follow(MeshCertificateAuthority? entity)
        {
            if (entity?.Metadata.Name == options.CertificateAuthority && Validator.Validate(entity.Spec).IsValid) issuer.Use(Read(entity.Spec));
        }
    }

    private static LeafSettings Read(MeshCertificateAuthoritySpec spec)
    {
        var defaults = new LeafSettings();
        return new LeafSettings
        {
            Lifetime = MeshDuration.ParseOptional(spec.LeafTTL) ?? defaults.Lifetime,
            RenewAt = spec.RenewAt ?? defaults.RenewAt,
            KeyType = spec.KeyType == "RSA_2048" ? LeafKeyType.Rsa2048 : LeafKeyType.EcdsaP256,
        };
    }
}
