using System.Text.Json;
using k8s;
using k8s.Autorest;
using MeshOperator.Injection;

namespace MeshOperator.Composition;

/// <summary>Asks the API server for its version. Everybody may.</summary>
internal sealed class ServerVersion(k8s.Kubernetes client, TimeProvider time, ILogger<ServerVersion> logger)
{
    private static readonly TimeSpan RetryEvery = TimeSpan.FromSeconds(2);

    /// <summary>The version, or null when what the server says is none. Waits for the server as long as it takes: two replicas that
    /// thought differently of it would make different pods.</summary>
    public async Task<KubernetesVersion?> AskAsync(CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                var info = await client.Version.GetCodeAsync(cancellation);
                Log.ServerVersion(logger, info.GitVersion);
                return KubernetesVersion.Parse($"{info.Major}.{info.Minor}");
            }
            catch (Exception e)
                when (e is HttpOperationException or HttpRequestException or TimeoutException or JsonException
                    || (e is OperationCanceledException && !cancellation.IsCancellationRequested)
                )
            {
                Log.VersionUnavailable(logger, e);
            }

            await Task.Delay(RetryEvery, time, cancellation);
        }
    }
}
