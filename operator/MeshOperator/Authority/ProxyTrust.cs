using MeshOperator.Certificates;
using MeshOperator.Certificates.Rotation;
using MeshOperator.Xds.Registry;

namespace MeshOperator.Authority;

/// <summary>Finds out what the proxies that are connected to this replica lack of a state of the certificate authority.</summary>
internal sealed class ProxyTrust(ProxyRegistry proxies, TimeProvider time)
{
    /// <summary>A proxy that connects asks for its secrets at once, if it needs any; it may have kept some from a stream before.</summary>
    private static readonly TimeSpan AsksWithin = TimeSpan.FromSeconds(10);

    /// <summary>The connected proxies by node id, and what each lacks; null when nothing.</summary>
    public Dictionary<string, string?> Missing(MeshAuthority.Snapshot present)
    {
        var missing = new Dictionary<string, string?>(StringComparer.Ordinal);
        var (bundle, signer, now) = (PemBundle.Fingerprint(present.State.TrustBundle), present.Signer.Fingerprint, time.GetUtcNow());
        foreach (var proxy in proxies.GetSecrets())
            missing[proxy.NodeId] = Missing(proxy, present.State.Phase, bundle, signer, now);
        return missing;
    }

    private static string? Missing(ProxySecretStatus proxy, RotationPhase phase, string bundle, string signer, DateTimeOffset now)
    {
        if (!proxy.AreRequested)
            return now - proxy.ConnectedAt < AsksWithin ? "has just connected" : null;
        if (proxy.Rejection is { } reason)
            return $"rejected its certificates: {reason}";
        if (phase == RotationPhase.Signing)
            return proxy.IdentitySigner == signer ? null : "has not acknowledged a certificate of the new authority";
        return proxy.TrustBundle == bundle ? null
            : phase == RotationPhase.Retiring ? "has not acknowledged the trust bundle without the old root"
            : "has not acknowledged the trust bundle with both roots";
    }
}
