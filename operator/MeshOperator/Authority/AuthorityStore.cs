using System.Net;
using MeshOperator.Api.Authorities;
using MeshOperator.Api.Policies;
using MeshOperator.Certificates;
using MeshOperator.Certificates.Rotation;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Settings;

namespace MeshOperator.Authority;

/// <summary>Finds the certificate authority when the operator starts. The first replica makes it; who comes second reads it; a user's own
/// is used as it is.</summary>
internal sealed class AuthorityStore(
    AuthoritySecrets secrets,
    EntityClient<MeshCertificateAuthority> settings,
    OperatorOptions options,
    TimeProvider time,
    ILogger<AuthorityStore> logger
)
{
    private static readonly TimeSpan RetryEvery = TimeSpan.FromSeconds(2);

    /// <summary>No proxy is known when the operator starts, and none has acknowledged anything.</summary>
    private static readonly RotationProgress Nobody = new(0, 1, []);

    /// <summary>Reads the state, or makes it. Waits for the API server, and for a Secret that a user is to bring, as long as it
    /// takes.</summary>
    /// <exception cref="CertificateAuthorityException">A Secret is there and cannot be used.</exception>
    public async Task<AuthorityState> LoadAsync(CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                if (await secrets.GetStateAsync(cancellation) is { } secret)
                    return await UsableAsync(secret, cancellation);
                if (await WantedAsync(cancellation) is { } files)
                {
                    var state = AuthorityState.Create(files, time.GetUtcNow());
                    await secrets.WriteStateAsync(state, null, cancellation);
                    return state;
                }

                Log.AuthorityMissing(logger, secrets.Wanted.ToString());
            }
            catch (KubernetesApiException e) when (e.StatusCode == HttpStatusCode.Conflict)
            {
                // Another replica made it at the same moment: read theirs.
                continue;
            }
            catch (Exception e) when (e is KubernetesApiException or HttpRequestException or TimeoutException)
            {
                Log.AuthorityUnavailable(logger, e, secrets.Wanted.ToString());
            }

            await Task.Delay(RetryEvery, time, cancellation);
        }
    }

    /// <summary>The kept state; if what signs in it has expired while nobody was here, and another authority waits, the next one.</summary>
    private async Task<AuthorityState> UsableAsync(k8s.Models.V1Secret secret, CancellationToken cancellation)
    {
        var state = secrets.ReadState(secret);
        try
        {
            CertificateAuthority.Load(state.Signer, time).Dispose();
            return state;
        }
        catch (CertificateAuthorityException)
        {
            var wanted = await secrets.GetWantedAsync(cancellation) is { } given ? Read(given, isNeeded: state.Next is null) : null;
            if (RotationSchedule.Next(state, wanted, Nobody, TimeSpan.Zero, time) is not { } next)
                throw;
            await secrets.WriteStateAsync(next, secret, cancellation);
            return next;
        }
    }

    /// <summary>The authority that is to sign; null when it cannot be used and there is another.</summary>
    private CertificateAuthorityFiles? Read(k8s.Models.V1Secret wanted, bool isNeeded)
    {
        try
        {
            return secrets.ReadWanted(wanted, time);
        }
        catch (CertificateAuthorityException) when (!isNeeded)
        {
            return null;
        }
    }

    /// <summary>The authority that is to sign; made when there is none; null when a user is to bring it.</summary>
    private async Task<CertificateAuthorityFiles?> WantedAsync(CancellationToken cancellation)
    {
        if (await secrets.GetWantedAsync(cancellation) is { } secret)
            return secrets.ReadWanted(secret, time);
        var wish = await settings.GetAsync(new ObjectKey(string.Empty, options.CertificateAuthority), cancellation);
        if (wish?.Spec.Provider?.Secret is not null)
            return null;
        using var authority = CertificateAuthority.CreateSelfSigned(options.TrustDomain, time);
        // A rotation that was asked for before there was this root is done with it.
        await secrets.WriteWantedAsync(authority.Files, WantedAuthority.FindRequest(wish?.Metadata), null, cancellation);
        Log.AuthorityCreated(logger, secrets.Wanted.ToString());
        return authority.Files;
    }
}
