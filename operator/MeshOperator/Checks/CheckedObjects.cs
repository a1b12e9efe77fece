using System.Net;
using k8s;
using k8s.Autorest;
using k8s.Models;
using MeshOperator.Kubernetes.Client;
using MeshOperator.Kubernetes.Manifests;
using MeshOperator.Offline;

namespace MeshOperator.Checks;

/// <summary>Finds in a cluster the pods that a user asks about, and checks them.</summary>
internal sealed class CheckedObjects(IKubernetes client, InjectionCheck check, string ns, bool isEverywhere)
{
    private const string PodPrefix = "pod/";
    private const string DeploymentPrefix = "deployment/";

    /// <summary>Checks a pod, the template and the pods of a deployment, or all pods of the namespace.</summary>
    /// <param name="target"><c>NAME</c>, <c>pod/NAME</c> or <c>deployment/NAME</c>; null for all pods.</param>
    /// <param name="cancellation">Ends the requests.</param>
    /// <exception cref="CheckException">It does not exist, or the cluster does not answer.</exception>
    public async Task<IReadOnlyList<CheckedPod>> FindAsync(string? target, CancellationToken cancellation)
    {
        if (target is null && isEverywhere)
            return await FindEverywhereAsync(cancellation);
        var home = await NamespaceAsync(ns, cancellation);
        if (target is null)
            return [.. (await PodsAsync(null, cancellation)).Select(pod => check.Live(pod, home))];
        if (target.StartsWith(DeploymentPrefix, StringComparison.Ordinal))
            return await DeploymentAsync(target[DeploymentPrefix.Length..], home, cancellation);
        var name = target.StartsWith(PodPrefix, StringComparison.Ordinal) ? target[PodPrefix.Length..] : target;
        if (name.Contains('/', StringComparison.Ordinal))
            throw new CheckException($"'{target}' is not a target; write the name of a pod, pod/NAME or deployment/NAME");
        return
        [
            check.Live(
                await AskAsync($"pod '{name}'", () => client.CoreV1.ReadNamespacedPodAsync(name, ns, cancellationToken: cancellation)),
                home
            ),
        ];
    }

    private async Task<IReadOnlyList<CheckedPod>> FindEverywhereAsync(CancellationToken cancellation)
    {
        var namespaces = (
            await AskAsync("namespaces", () => client.CoreV1.ListNamespaceAsync(cancellationToken: cancellation))
        ).Items.ToDictionary(found => found.Metadata.Name);
        var pods = await AskAsync("pods", () => client.CoreV1.ListPodForAllNamespacesAsync(cancellationToken: cancellation));
        return
        [
            .. pods
                .Items.Where(pod => namespaces.ContainsKey(pod.Metadata.NamespaceProperty))
                .Select(pod =>
                {
                    var found = check.Live(pod, namespaces[pod.Metadata.NamespaceProperty]);
                    return found with { Name = $"{pod.Metadata.NamespaceProperty}/{found.Name}" };
                }),
        ];
    }

    /// <summary>Checks the pods of manifests. The labels of a namespace are those in the manifests, or else in the cluster.</summary>
    /// <exception cref="CheckException">A namespace is in neither.</exception>
    /// <exception cref="ManifestException">A manifest cannot be read.</exception>
    public async Task<IReadOnlyList<CheckedPod>> ReadAsync(string text, CancellationToken cancellation)
    {
        var manifests = ManifestReader.Read(text);
        var namespaces = manifests
            .Where(manifest => manifest["kind"]?.ToString() == "Namespace")
            .Select(manifest => EntityJson.Deserialize<V1Namespace>(manifest.ToJsonString()))
            .ToDictionary(given => given.Metadata.Name);
        var found = new List<CheckedPod>();
        foreach (var template in manifests.Select(PodTemplatePaths.Known.Find).OfType<PodTemplate>())
        {
            var home = template.Namespace ?? ns;
            if (!namespaces.TryGetValue(home, out var labelled))
                namespaces[home] = labelled = await NamespaceAsync(home, cancellation);
            var pod = EntityJson.Deserialize<V1Pod>(template.Content.ToJsonString());
            found.Add(check.Planned($"{template.Kind.ToLowerInvariant()}/{template.Name}", pod, labelled));
        }

        return found;
    }

    private async Task<IReadOnlyList<CheckedPod>> DeploymentAsync(string name, V1Namespace home, CancellationToken cancellation)
    {
        var deployment = await AskAsync(
            $"deployment '{name}'",
            () => client.AppsV1.ReadNamespacedDeploymentAsync(name, ns, cancellationToken: cancellation)
        );
        var template = deployment.Spec.Template;
        var planned = check.Planned($"{DeploymentPrefix}{name}", new V1Pod { Metadata = template.Metadata, Spec = template.Spec }, home);
        var selector = string.Join(
            ',',
            (deployment.Spec.Selector.MatchLabels ?? new Dictionary<string, string>()).Select(label => $"{label.Key}={label.Value}")
        );
        return [planned, .. (await PodsAsync(selector, cancellation)).Select(pod => check.Live(pod, home))];
    }

    private async Task<IList<V1Pod>> PodsAsync(string? selector, CancellationToken cancellation) =>
        (
            await AskAsync("pods", () => client.CoreV1.ListNamespacedPodAsync(ns, labelSelector: selector, cancellationToken: cancellation))
        ).Items;

    private Task<V1Namespace> NamespaceAsync(string name, CancellationToken cancellation) =>
        AskAsync($"namespace '{name}'", () => client.CoreV1.ReadNamespaceAsync(name, cancellationToken: cancellation));

    private async Task<T> AskAsync<T>(string what, Func<Task<T>> request)
    {
        try
        {
            return await request();
        }
        catch (HttpOperationException e) when (e.Response.StatusCode == HttpStatusCode.NotFound)
        {
            throw new CheckException(
                $"{what} does not exist{(what.StartsWith("namespace", StringComparison.Ordinal) ? "" : $" in namespace '{ns}'")}; "
                    + $"look with kubectl get {what.Split(' ')[0]}, or choose another namespace with -n",
                e
            );
        }
        catch (HttpOperationException e)
        {
            throw new CheckException(
                $"{what} cannot be read: the API server answered {(int)e.Response.StatusCode}; give the kubeconfig's user the right "
                    + "to get and list it",
                e
            );
        }
        catch (HttpRequestException e)
        {
            throw new CheckException(
                $"the API server {client.BaseUri} cannot be reached: {e.Message}; choose a cluster with --kubeconfig or KUBECONFIG",
                e
            );
        }
    }
}

/// <summary>A check that cannot be made; the message says what to do.</summary>
internal sealed class CheckException(string message, Exception? inner = null) : Exception(message, inner);
