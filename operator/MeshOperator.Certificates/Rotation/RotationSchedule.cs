namespace MeshOperator.Certificates.Rotation;

/// <summary>Decides about the next step of a rotation. No step is taken because time has passed: proxies must have acknowledged. Only an
/// authority that has expired is waited for by nobody: nothing that it signed is valid any more, and without certificates no proxy can
/// acknowledge.</summary>
public static class RotationSchedule
{
    /// <summary>A root is replaced when less than this part of its life is left.</summary>
    private const double LastPart = 0.2;

    /// <summary>The state after the next step; null when none can be taken now.</summary>
    /// <param name="state">The present state.</param>
    /// <param name="wanted">The authority that is to sign, checked; null when it is not known or cannot be used.</param>
    /// <param name="progress">How far the proxies are with the present state.</param>
    /// <param name="overlap">How long the old authority stays trusted at least after the new one has begun to sign.</param>
    /// <param name="time">The clock.</param>
    public static AuthorityState? Next(
        AuthorityState state,
        CertificateAuthorityFiles? wanted,
        RotationProgress progress,
        TimeSpan overlap,
        TimeProvider time
    )
    {
        ArgumentNullException.ThrowIfNull(state);
        ArgumentNullException.ThrowIfNull(progress);
        ArgumentNullException.ThrowIfNull(time);
        var isOther = wanted is not null && wanted != state.Signer;
        if (state.Phase == RotationPhase.Stable)
            return isOther ? state.Begin(wanted!, time) : null;
        if (!state.CanSign(time))
        {
            var successor =
                isOther ? wanted
                : state.CanNextSign(time) ? state.Next
                : null;
            return successor is null ? null : state.Begin(successor, time);
        }

        return state.Phase switch
        {
            RotationPhase.DistributingTrust when !state.CanNextSign(time) => state.Abandon(time),
            _ when !progress.IsComplete => null,
            RotationPhase.DistributingTrust => state.Sign(time),
            RotationPhase.Signing => time.GetUtcNow() - state.Since < overlap ? null : state.Retire(time),
            _ => state.Finish(time),
        };
    }

    /// <summary>Whether a certificate is so near to its end that it is to be replaced.</summary>
    public static bool IsDue(DateTimeOffset notBefore, DateTimeOffset notAfter, DateTimeOffset now) =>
        notAfter - now < (notAfter - notBefore) * LastPart;
}
