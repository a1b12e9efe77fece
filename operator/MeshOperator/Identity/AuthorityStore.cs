using System.Net;
using System.Text;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Certificates;
using MeshOperator.Hosting;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Identity;

/// <summary>Keeps the certificate authority in a Secret of the operator's namespace. The first replica makes it; who comes second
/// reads it; a user's own is used as it is.</summary>
[GenericRbac("", "secrets", "create", OwnNamespace = true)]
[GenericRbac("", "secrets", "get", OwnNamespace = true, ResourceNames = MeshNames.CaSecret)]
internal sealed class AuthorityStore(EntityClient<V1Secret> secrets, OperatorOptions options, TimeProvider time, ILogger<AuthorityStore> logger)
{
    private static readonly TimeSpan RetryEvery = TimeSpan.FromSeconds(2);
    private readonly ObjectKey _key = new(options.Namespace, MeshNames.CaSecret);

    /// <summary>Reads the authority, or makes it. Waits for the API server as long as it takes.</summary>
    /// <exception cref="CertificateAuthorityException">The Secret is there and cannot be used.</exception>
    public async Task<CertificateAuthority> LoadAsync(CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                if (await secrets.GetAsync(_key, cancellation) is { } secret) return Read(secret);
                return await CreateAsync(cancellation);
            }
            catch (KubernetesApiException e) when (e.StatusCode == HttpStatusCode.Conflict)
            {
                // Another replica made it at the same moment: read theirs.
                continue;
            }
            catch (Exception e) when (e is KubernetesApiException or HttpRequestException or TimeoutException)
            {
                Log.AuthorityUnavailable(logger, e, _key.ToString());
            }

            await Task.Delay(RetryEvery, time, cancellation);
        }
    }

    private CertificateAuthority Read(V1Secret secret)
    {
        var files = new CertificateAuthorityFiles(Text(secret, "tls.crt"), Text(secret, "tls.key"), Text(secret, MeshNames.CaCertificateKey));
        try
        {
            return CertificateAuthority.Load(files, time, options.TrustDomain);
        }
        catch (CertificateAuthorityException e)
        {
            throw new CertificateAuthorityException($"The certificate authority in Secret {_key} cannot be used: {e.Message}.", e);
        }
    }

    private string Text(V1Secret secret, string key) => secret.Data is { } data && data.TryGetValue(key, out var bytes)
        ? Encoding.ASCII.GetString(bytes)
        : throw new CertificateAuthorityException($"The certificate authority in Secret {_key} cannot be used: it has no key '{key}' (needed: tls.crt, tls.key, ca.crt).");

    private async Task<CertificateAuthority> CreateAsync(CancellationToken cancellation)
    {
        var authority = CertificateAuthority.CreateSelfSigned(options.TrustDomain, time);
        try
        {
            await secrets.CreateAsync(
                new V1Secret
                {
                    Metadata = new V1ObjectMeta
                    {
                        Name = _key.Name,
                        NamespaceProperty = _key.Namespace,
                        Labels = new Dictionary<string, string> { [MeshNames.ManagedByLabel] = MeshNames.FieldManager },
                    },
                    Type = "kubernetes.io/tls",
                    Data = new Dictionary<string, byte[]>
                    {
                        ["tls.crt"] = Encoding.ASCII.GetBytes(authority.Files.Certificate),
                        ["tls.key"] = Encoding.ASCII.GetBytes(authority.Files.PrivateKey),
                        [MeshNames.CaCertificateKey] = Encoding.ASCII.GetBytes(authority.Files.Roots),
                    },
                },
                cancellation);
            Log.AuthorityCreated(logger, _key.ToString());
            return authority;
        }
        catch
        {
            authority.Dispose();
            throw;
        }
    }
}
