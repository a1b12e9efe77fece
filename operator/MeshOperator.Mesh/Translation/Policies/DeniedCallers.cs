using System.Globalization;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;

namespace MeshOperator.Mesh.Translation.Policies;

/// <summary>What to know of a MtlsPolicy that denies more callers than a proxy can exclude in the handshake.</summary>
public static class DeniedCallers
{
    private static readonly string TooMany = string.Create(
        CultureInfo.InvariantCulture,
        $"spec.deny: on TCP ports proxies exclude up to {CallerRange.MostExcluded:N0} characters of identities in the handshake, and "
            + $"this policy has more. "
            + $"Denied callers are therefore refused at their first byte, and receive what a server sends before that. "
            + $"Deny whole namespaces, or list the callers to allow."
    );

    /// <summary>The warning; null where there is none to give.</summary>
    /// <param name="spec">The policy.</param>
    /// <param name="ns">Its namespace.</param>
    /// <param name="trustDomain">The mesh's.</param>
    public static string? Warning(MtlsPolicySpec spec, string ns, string trustDomain) => Warning(new AccessRules(spec, ns, trustDomain));

    /// <summary>The warning for rules that have been read.</summary>
    internal static string? Warning(AccessRules access) =>
        access.Ports.Select(port => (int?)port).Append(null).Any(port => ByteCallers.FromAccess(access.ForPort(port)) is { IsExact: false })
            ? TooMany
            : null;
}
