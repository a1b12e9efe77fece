using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Api.Authorities;
using MeshOperator.Api.Policies;
using MeshOperator.Certificates;
using MeshOperator.Certificates.Rotation;
using MeshOperator.Settings;

namespace MeshOperator.Authority;

/// <summary>What the user's Secret says about who is to sign.</summary>
/// <param name="Files">The authority; null when it cannot be used.</param>
/// <param name="IsOwn">Whether the operator made it.</param>
/// <param name="LastRotation">The last rotation that was asked for and begun.</param>
/// <param name="Refusal">Why what is asked for cannot be done; null when it can.</param>
internal sealed record Wanted(CertificateAuthorityFiles? Files, bool IsOwn, string? LastRotation, (string Reason, string Message)? Refusal);

/// <summary>Finds out who is to sign, and makes a new root when a rotation is asked for or due. For the leader only.</summary>
internal sealed class WantedAuthority(AuthoritySecrets secrets, OperatorOptions options, TimeProvider time, ILogger<WantedAuthority> logger)
{
    /// <summary>The rotation that is asked for, or was the last to be begun; null when none was.</summary>
    public static string? FindRequest(V1ObjectMeta? metadata) =>
        metadata?.Annotations is { } annotations && annotations.TryGetValue(MeshNames.RotateAnnotation, out var value) ? value : null;

    /// <summary>Reads the Secret; puts it back when it is gone and no user is to bring it, with a new root where the operator is to make
    /// one; replaces the root in it when that is asked for or due.</summary>
    public async Task<Wanted> FindAsync(MeshCertificateAuthority? settings, AuthorityState state, CancellationToken cancellation)
    {
        var secret = await secrets.GetWantedAsync(cancellation);
        var request = FindRequest(settings?.Metadata);
        if (secret is null)
        {
            if (settings?.Spec.Provider?.Secret is not null)
                return new Wanted(
                    null,
                    false,
                    null,
                    (ConditionReasons.SecretNotFound, $"There is no Secret {secrets.Wanted} with tls.crt, tls.key and ca.crt.")
                );
            secret = settings?.Spec.Provider?.SelfSigned is not null
                ? await MakeAsync(request, null, "requested", cancellation)
                : await secrets.WriteWantedAsync(state.Next ?? state.Signer, settings?.Status?.LastRotation, null, cancellation);
        }

        var isOwn = AuthoritySecrets.IsOwn(secret);
        // A Secret that a user has replaced names no rotation; the status still does.
        var last = FindRequest(secret.Metadata) ?? settings?.Status?.LastRotation;
        CertificateAuthorityFiles files;
        try
        {
            files = secrets.ReadWanted(secret, time);
        }
        catch (CertificateAuthorityException e)
        {
            return new Wanted(null, isOwn, last, (ConditionReasons.InvalidSecret, e.Message));
        }

        if (settings?.Spec.Provider?.SelfSigned is not null && !isOwn)
            return new Wanted(
                files,
                isOwn,
                last,
                (
                    ConditionReasons.SecretIsNotOurs,
                    $"provider.selfSigned is set, but Secret {secrets.Wanted} was not created by the operator. Delete the Secret to "
                        + "have the operator create one."
                )
            );
        if (state.Phase != RotationPhase.Stable || files != state.Signer)
            return new Wanted(files, isOwn, last, null);
        var isAsked = request is not null && request != last;
        if (isAsked && !isOwn)
            return new Wanted(
                files,
                isOwn,
                last,
                (
                    ConditionReasons.RotationNotPossible,
                    "A rotation was requested, but the operator does not have the key of the root above its authority. Put a new "
                        + $"authority into Secret {secrets.Wanted}, and the operator rotates to it."
                )
            );
        if (!isAsked && !(isOwn && MeshCertificateAuthorityDefaults.ResolveRotation(settings?.Spec).Auto && IsDue(files)))
            return new Wanted(files, isOwn, last, null);

        var made = await MakeAsync(request, secret, isAsked ? "rotation requested" : "rotation due", cancellation);
        return new Wanted(secrets.ReadWanted(made, time), isOwn, request, null);
    }

    private async Task<V1Secret> MakeAsync(string? request, V1Secret? present, string why, CancellationToken cancellation)
    {
        using var root = CertificateAuthority.CreateSelfSigned(options.TrustDomain, time);
        var made = await secrets.WriteWantedAsync(root.Files, request, present, cancellation);
        Log.RootMade(logger, secrets.Wanted.ToString(), why);
        return made;
    }

    private bool IsDue(CertificateAuthorityFiles files)
    {
        using var authority = CertificateAuthority.Load(files, time);
        using var root = authority.FindRoot();
        return RotationSchedule.IsDue(root.NotBefore.ToUniversalTime(), root.NotAfter.ToUniversalTime(), time.GetUtcNow());
    }
}
