using System.Globalization;
using System.Net;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using k8s;
using k8s.Models;
using MeshOperator.Injection;
using MeshOperator.Kubernetes.Client;

namespace MeshOperator.Checks.Installation;

/// <summary>Reads what checks need of a cluster. Each request has a timeout, and long lists are read in pages up to a limit.</summary>
internal sealed class ClusterReader(KubernetesTransport transport)
{
    private const string Json = "application/json";
    private const int PageSize = 500;
    private const int MostPages = 40;

    /// <summary>For requests that a user waits for.</summary>
    public static KubernetesTransportOptions Impatient { get; } = new() { AttemptTimeout = TimeSpan.FromSeconds(10), MaxRetries = 1 };

    /// <summary>How far the API server's clock is ahead of this machine's.</summary>
    public TimeSpan ClockDifference => transport.ClockDifference;

    public async Task<KubernetesVersion?> GetVersionAsync(CancellationToken cancellation)
    {
        var version = Parse(await transport.SendAsync(HttpMethod.Get, "version", null, Json, cancellation));
        return KubernetesVersion.Parse($"{version["major"]}.{version["minor"]}");
    }

    /// <summary>An object, or null when there is none.</summary>
    public Task<T?> GetAsync<T>(string ns, string name, CancellationToken cancellation)
        where T : class, IKubernetesObject<V1ObjectMeta> => new EntityClient<T>(transport).GetAsync(new ObjectKey(ns, name), cancellation);

    /// <summary>A CRD as it is stored, or null when there is none.</summary>
    public async Task<JsonObject?> GetCrdAsync(string name, CancellationToken cancellation)
    {
        try
        {
            var path = ResourceKind.ForEntity<V1CustomResourceDefinition>().Path(name: name);
            return Parse(await transport.SendAsync(HttpMethod.Get, path, null, Json, cancellation));
        }
        catch (KubernetesApiException e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            return null;
        }
    }

    /// <summary>The objects of a kind; none where the kind is not in the cluster.</summary>
    /// <param name="ns">Their namespace; null for all.</param>
    /// <param name="selector">Labels that they have; null for all.</param>
    /// <param name="cancellation">Ends the requests.</param>
    public async Task<IReadOnlyList<T>> ListAsync<T>(string? ns, string? selector, CancellationToken cancellation)
        where T : IKubernetesObject<V1ObjectMeta>
    {
        var found = new List<T>();
        var next = string.Empty;
        try
        {
            for (var page = 0; page < MostPages && (page == 0 || next.Length > 0); page++)
            {
                var path = string.Create(CultureInfo.InvariantCulture, $"{ResourceKind.ForEntity<T>().Path(ns)}?limit={PageSize}");
                if (selector is not null)
                    path += $"&labelSelector={Uri.EscapeDataString(selector)}";
                if (next.Length > 0)
                    path += $"&continue={Uri.EscapeDataString(next)}";
                var answer = await transport.SendAsync(HttpMethod.Get, path, null, Json, cancellation);
                using var list = JsonDocument.Parse(answer);
                found.AddRange(EntityJson.DeserializeItems<T>(list.RootElement));
                next = FindNext(list.RootElement);
            }
        }
        catch (KubernetesApiException e) when (e.StatusCode == HttpStatusCode.NotFound) { }

        return found;
    }

    /// <summary>Whether the user has a right.</summary>
    public async Task<bool> IsAllowedAsync(NeededRight right, string ns, CancellationToken cancellation)
    {
        var review = new V1SelfSubjectAccessReview
        {
            Metadata = new V1ObjectMeta(),
            Spec = new V1SelfSubjectAccessReviewSpec
            {
                ResourceAttributes = new V1ResourceAttributes
                {
                    Verb = right.Verb,
                    Group = right.Group,
                    Resource = right.Resource,
                    NamespaceProperty = right.IsNamespaced ? ns : null,
                },
            },
        };
        return (await new EntityClient<V1SelfSubjectAccessReview>(transport).CreateAsync(review, cancellation)).Status.Allowed;
    }

    /// <summary>How the API server would answer the creation of an object. Nothing is created.</summary>
    public async Task<DryRun> TryCreateAsync<T>(string ns, JsonObject entity, CancellationToken cancellation)
        where T : IKubernetesObject<V1ObjectMeta>
    {
        var path = $"{ResourceKind.ForEntity<T>().Path(ns)}?dryRun=All&fieldManager=meshop";
        try
        {
            await transport.SendAsync(HttpMethod.Post, path, Encoding.UTF8.GetBytes(entity.ToJsonString()), Json, cancellation);
            return new DryRun(IsAccepted: true);
        }
        catch (KubernetesApiException e)
            when (e.StatusCode != HttpStatusCode.Forbidden || e.Message.Contains("denied", StringComparison.Ordinal))
        {
            return new DryRun(IsAccepted: false, e.Message);
        }
    }

    private static JsonObject Parse(byte[] json) => (JsonObject)JsonNode.Parse(json)!;

    /// <summary>Where the next page begins; empty after the last.</summary>
    private static string FindNext(JsonElement list) =>
        list.TryGetProperty("metadata", out var metadata) && metadata.TryGetProperty("continue", out var next)
            ? next.GetString() ?? string.Empty
            : string.Empty;
}
