using System.Runtime.CompilerServices;
using Envoy.Config.Core.V3;
using Envoy.Extensions.TransportSockets.Tls.V3;
using Google.Protobuf;
using MeshOperator.Xds.Cache;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Translation;
using MeshOperator.Xds.Translation.Inbound;
using MeshOperator.Xds.Translation.Shared;

namespace MeshOperator.Xds.Secrets;

/// <summary>Turns what the identity source gives into SDS resources, each serialised once however many streams it goes to.</summary>
internal sealed class SecretCache : IDisposable
{
    private readonly IIdentitySource _source;
    private readonly SnapshotCache _cache;
    private readonly ConditionalWeakTable<IdentityMaterial, XdsResource> _identities = new();
    private readonly ConditionalWeakTable<ProxyResources, CallerResources> _callers = new();
    private volatile XdsResource? _trustBundle;
    private int _generation = 1;

    public SecretCache(IIdentitySource source, SnapshotCache cache)
    {
        _source = source;
        _cache = cache;
        _source.Changed += OnChanged;
    }

    /// <summary>Grows with each trust bundle. Secrets got under another generation are out of date.</summary>
    public int Generation => Volatile.Read(ref _generation);

    public void Dispose() => _source.Changed -= OnChanged;

    /// <summary>The secrets of a proxy: the trust bundle, and its own identity when it has one.</summary>
    public async ValueTask<ProxySecrets> GetAsync(
        string nodeId,
        string? spiffeId,
        ResourceSet? previous,
        CancellationToken cancellationToken
    )
    {
        var trusted = _source.TrustBundle;
        var bundle = TrustBundle(trusted);
        if (spiffeId is null)
            return new ProxySecrets(ResourceSet.Create([bundle], previous), trusted, CancellationToken.None);
        var material = await _source.GetIdentityAsync(nodeId, spiffeId, cancellationToken);
        if (!_identities.TryGetValue(material, out var identity))
        {
            identity = Identity(material, previous?.Find(Names.IdentitySecret));
            _identities.AddOrUpdate(material, identity);
        }

        return new ProxySecrets(ResourceSet.Create([identity, bundle], previous), trusted, material.Due);
    }

    /// <summary>The secrets of a proxy, with those that its inbound listener names.</summary>
    public ResourceSet WithCallers(ProxySecrets secrets, ProxyResources own, ResourceSet? previous)
    {
        if (!_callers.TryGetValue(own, out var callers) || callers.Bundle != secrets.Bundle.Id)
        {
            callers = new CallerResources(secrets.Bundle.Id, [.. own.Callers.Select(secret => Callers(secret, secrets.Bundle))]);
            _callers.AddOrUpdate(own, callers);
        }

        return ResourceSet.Create([.. secrets.Resources.Items, .. callers.Resources], previous);
    }

    /// <summary>Says that a proxy that was given an identity has gone.</summary>
    public void Release(string nodeId, string spiffeId) => _source.Release(nodeId, spiffeId);

    private XdsResource TrustBundle(TrustMaterial bundle)
    {
        var secret = new Secret
        {
            Name = Names.TrustBundleSecret,
            ValidationContext = new CertificateValidationContext { TrustedCa = Bytes(bundle.Roots) },
        };
        return _trustBundle = XdsResource.Create(ResourceType.Secret, Names.TrustBundleSecret, secret, _trustBundle, bundle.Id);
    }

    private static XdsResource Callers(CallerSecret callers, TrustMaterial bundle)
    {
        var context = callers.Identities.Clone();
        context.TrustedCa = Bytes(bundle.Roots);
        return XdsResource.Create(
            ResourceType.Secret,
            callers.Name,
            new Secret { Name = callers.Name, ValidationContext = context },
            origin: callers.Id
        );
    }

    private static XdsResource Identity(IdentityMaterial material, XdsResource? previous) =>
        XdsResource.Create(
            ResourceType.Secret,
            Names.IdentitySecret,
            new Secret
            {
                Name = Names.IdentitySecret,
                TlsCertificate = new TlsCertificate
                {
                    CertificateChain = Bytes(material.CertificateChain),
                    PrivateKey = Bytes(material.PrivateKey),
                },
            },
            previous,
            material.Signer
        );

    private static DataSource Bytes(ReadOnlyMemory<byte> pem) => new() { InlineBytes = UnsafeByteOperations.UnsafeWrap(pem) };

    private void OnChanged()
    {
        Interlocked.Increment(ref _generation);
        _cache.Wake();
    }

    /// <param name="Bundle">The trust bundle, by <see cref="TrustMaterial.Id"/>.</param>
    /// <param name="Resources">The secrets with that bundle.</param>
    private sealed record CallerResources(string Bundle, IReadOnlyList<XdsResource> Resources);
}

/// <summary>The secrets of one proxy.</summary>
/// <param name="Resources">As SDS resources.</param>
/// <param name="Bundle">The trust bundle among them.</param>
/// <param name="Due">Cancelled when the identity is to be got again.</param>
internal sealed record ProxySecrets(ResourceSet Resources, TrustMaterial Bundle, CancellationToken Due)
{
    public override string ToString() => nameof(ProxySecrets);
}
