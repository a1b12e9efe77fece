using System.Security.Cryptography;
using Envoy.Extensions.TransportSockets.Tls.V3;
using Envoy.Type.Matcher.V3;
using MeshOperator.Xds.Resources;
using MeshOperator.Xds.Translation.Shared;

namespace MeshOperator.Xds.Translation.Inbound;

/// <summary>The secret that says who may open connections of bytes to a port. The trusted roots are added where it is sent.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Identities">Conditions on the caller's certificate.</param>
/// <param name="Id">Another one for other conditions.</param>
internal sealed record CallerSecret(string Name, CertificateValidationContext Identities, string Id)
{
    /// <summary>The secret of a target.</summary>
    public static CallerSecret ForTarget(InboundTarget target, string trustDomain)
    {
        // Without any condition everybody would be taken; the trust domain itself is nobody.
        IReadOnlyList<StringMatcher> identities = CallerSet.FromAccess(target.Port.Access) switch
        {
            null => [new StringMatcher { Prefix = $"spiffe://{trustDomain}/" }],
            { Identities: [] } => [new StringMatcher { Exact = $"spiffe://{trustDomain}" }],
            var callers => callers.Identities,
        };
        var context = TlsContexts.Validation(identities);
        return new CallerSecret(
            InboundNames.Callers(target),
            context,
            Convert.ToHexStringLower(SHA256.HashData(XdsResource.Serialise(context)))
        );
    }
}
