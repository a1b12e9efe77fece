using System.Text;
using k8s;
using k8s.Models;

namespace MeshOperator.Local.Node;

/// <summary>The volumes of a pod as folders of this machine: projected tokens, ConfigMaps and empty ones. A ConfigMap that changes is
/// written again, file by file, each at once.</summary>
/// <param name="pod">The pod.</param>
/// <param name="folder">Where its volumes are to be.</param>
/// <param name="client">A client that may issue tokens.</param>
/// <param name="findTrustBundle">Finds the mesh's trust bundle of a namespace.</param>
internal sealed class PodVolumes(V1Pod pod, string folder, k8s.Kubernetes client, Func<string, V1ConfigMap?> findTrustBundle)
{
    private const UnixFileMode Everybody = (UnixFileMode)0b111_111_111;

    private readonly Dictionary<string, string> _bundles = new(StringComparer.Ordinal);

    public string Folder => folder;

    /// <summary>Where a volume is on this machine.</summary>
    public string FindPath(string volume) => Path.Combine(folder, volume);

    /// <summary>Makes all volumes; waits for the mesh's ConfigMap as a kubelet does.</summary>
    public async Task CreateAsync(CancellationToken cancellation)
    {
        foreach (var volume in pod.Spec.Volumes ?? [])
        {
            Directory.CreateDirectory(FindPath(volume.Name));
            // Each container of the pod may write there, whoever it is.
            if (volume.EmptyDir is not null && !OperatingSystem.IsWindows())
                File.SetUnixFileMode(FindPath(volume.Name), Everybody);
            if (volume.ConfigMap is { } map)
                await FillAsync(volume.Name, map.Name, map.Optional == true, cancellation);
            foreach (var source in volume.Projected?.Sources ?? [])
            {
                if (source.ServiceAccountToken is { } token)
                    await WriteAsync(volume.Name, token.Path, await IssueAsync(token, cancellation));
                if (source.ConfigMap is { } projected)
                    await FillAsync(volume.Name, projected.Name, optional: true, cancellation);
            }
        }
    }

    /// <summary>Brings the mesh's trust bundle up to date.</summary>
    public async Task RefreshAsync()
    {
        foreach (var volume in (pod.Spec.Volumes ?? []).Where(v => v.ConfigMap?.Name == Api.MeshNames.TrustBundleConfigMap))
        {
            if (findTrustBundle(pod.Metadata.NamespaceProperty) is not { } map)
                continue;
            foreach (var (name, text) in map.Data ?? new Dictionary<string, string>())
            {
                if (_bundles.TryGetValue(name, out var known) && known == text)
                    continue;
                await WriteAsync(volume.Name, name, text);
                _bundles[name] = text;
            }
        }
    }

    private async Task FillAsync(string volume, string map, bool optional, CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                var found = await client.CoreV1.ReadNamespacedConfigMapAsync(
                    map,
                    pod.Metadata.NamespaceProperty,
                    cancellationToken: cancellation
                );
                foreach (var (name, text) in found.Data ?? new Dictionary<string, string>())
                    await WriteAsync(volume, name, text);
                return;
            }
            catch (k8s.Autorest.HttpOperationException e) when (e.Response.StatusCode == System.Net.HttpStatusCode.NotFound)
            {
                if (optional)
                    return;
                await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, cancellation);
            }
        }
    }

    private async Task<string> IssueAsync(V1ServiceAccountTokenProjection wanted, CancellationToken cancellation)
    {
        var request = new Authenticationv1TokenRequest
        {
            Spec = new V1TokenRequestSpec
            {
                Audiences = string.IsNullOrEmpty(wanted.Audience) ? [] : [wanted.Audience],
                ExpirationSeconds = wanted.ExpirationSeconds,
                BoundObjectRef = new V1BoundObjectReference
                {
                    ApiVersion = "v1",
                    Kind = "Pod",
                    Name = pod.Metadata.Name,
                    Uid = pod.Metadata.Uid,
                },
            },
        };
        var account = string.IsNullOrEmpty(pod.Spec.ServiceAccountName) ? "default" : pod.Spec.ServiceAccountName;
        var answer = await client.CoreV1.CreateNamespacedServiceAccountTokenAsync(
            request,
            account,
            pod.Metadata.NamespaceProperty,
            cancellationToken: cancellation
        );
        return answer.Status.Token;
    }

    private async Task WriteAsync(string volume, string name, string text)
    {
        var (path, next) = (Path.Combine(FindPath(volume), name), Path.Combine(FindPath(volume), "." + name));
        await File.WriteAllTextAsync(next, text, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
        File.Move(next, path, overwrite: true);
    }
}
