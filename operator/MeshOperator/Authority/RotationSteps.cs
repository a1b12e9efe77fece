using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Api.Authorities;
using MeshOperator.Api.Policies;
using MeshOperator.Certificates.Rotation;

namespace MeshOperator.Authority;

/// <summary>Takes the steps of a rotation, which <see cref="RotationSchedule"/> decides. Each is one write to one Secret that fails when
/// somebody else has written since; so whoever leads next continues where the last one ended.</summary>
internal sealed class RotationSteps(
    MeshAuthority authority,
    AuthoritySecrets secrets,
    WantedAuthority wanted,
    RotationProgressSource progress,
    TimeProvider time
)
{
    /// <summary>Takes the next step, if it is time for one, and applies the state to this replica.</summary>
    /// <returns>Who is to sign, and how far the proxies are; null when the state was lost and had to be written again.</returns>
    public async Task<(Wanted Wanted, RotationProgress Progress)?> TakeNextAsync(
        MeshCertificateAuthority entity,
        CancellationToken cancellation
    )
    {
        var secret = await secrets.GetStateAsync(cancellation);
        if (await LoadAsync(secret, cancellation) is not { } state)
            return null;
        var found = await wanted.FindAsync(entity, state, cancellation);
        var now = progress.Measure(authority.Current);
        var overlap = MeshDuration.TryParse(MeshCertificateAuthorityDefaults.ResolveRotation(entity.Spec).Overlap, out var given)
            ? given
            : TimeSpan.Zero;
        if (RotationSchedule.Next(state, found.Files, now, overlap, time) is { } next)
        {
            await secrets.WriteStateAsync(next, secret, cancellation);
            authority.Apply(next);
            now = progress.Measure(authority.Current);
        }

        return (found, now);
    }

    /// <summary>Reads the state and applies it to this replica. Null when there is none: then what is served is written as the
    /// state.</summary>
    private async Task<AuthorityState?> LoadAsync(V1Secret? secret, CancellationToken cancellation)
    {
        if (secret is null)
        {
            await secrets.WriteStateAsync(authority.State, null, cancellation);
            return null;
        }

        authority.Apply(secrets.ReadState(secret));
        return authority.State;
    }
}
