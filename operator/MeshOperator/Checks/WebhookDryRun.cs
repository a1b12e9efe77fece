using System.Text.Json;
using k8s;
using k8s.Autorest;
using k8s.Models;
using MeshOperator.Api;
using MeshOperator.Injection;
using MeshOperator.Kubernetes.Client;

namespace MeshOperator.Checks;

/// <summary>Whether the API server reaches both webhooks, found by dry run: nothing is stored.</summary>
internal sealed class WebhookDryRun(IKubernetes client, string ns)
{
    private const string Name = "mesh-webhook-check";
    private const string Policies = "trafficsplits";

    /// <summary>What is wrong with injection; null when a pod gets its sidecar.</summary>
    public async Task<string?> TryInjectionAsync(CancellationToken cancellation)
    {
        var pod = new V1Pod
        {
            Metadata = new V1ObjectMeta
            {
                Name = Name,
                Labels = new Dictionary<string, string> { [MeshNames.InjectLabel] = "true" },
            },
            Spec = new V1PodSpec { Containers = [new V1Container { Name = "app", Image = EnvoyReleases.DefaultImage }] },
        };
        var answer = await AnswerAsync(() =>
            client.CoreV1.CreateNamespacedPodAsync(pod, ns, dryRun: "All", cancellationToken: cancellation)
        );
        if (answer.Problem is { } problem)
            return problem;
        return answer.Value!.Metadata.Annotations?.ContainsKey(MeshNames.StatusAnnotation) == true
            ? null
            : "the pod got no sidecar: see that the MutatingWebhookConfiguration mesh-operator exists, that its selectors include "
                + $"namespace '{ns}' and label {MeshNames.InjectLabel}=true, and that the API server reaches the operator's port 9443";
    }

    /// <summary>What is wrong with the validation of policies; null when an invalid one is refused.</summary>
    /// <remarks>The schema accepts this one: only the webhook knows regular expressions.</remarks>
    public async Task<string?> TryValidationAsync(CancellationToken cancellation)
    {
        var split = new Dictionary<string, object>
        {
            ["apiVersion"] = $"{MeshNames.Group}/{MeshNames.Version}",
            ["kind"] = "TrafficSplit",
            ["metadata"] = new { name = Name },
            ["spec"] = new
            {
                service = Name,
                rules = new[]
                {
                    new
                    {
                        name = "invalid",
                        matches = new[] { new { path = new { type = "RegularExpression", value = "/(" } } },
                        backends = new[] { new { service = Name } },
                    },
                },
            },
        };
        var answer = await AnswerAsync(() =>
            client.CustomObjects.CreateNamespacedCustomObjectAsync(
                split,
                MeshNames.Group,
                MeshNames.Version,
                ns,
                Policies,
                dryRun: "All",
                cancellationToken: cancellation
            )
        );
        return answer.Problem switch
        {
            null => "an invalid policy was accepted: see that the ValidatingWebhookConfiguration mesh-operator exists, and that the API "
                + "server reaches the operator's port 9443",
            var problem when problem.Contains($"\"{Policies}.{MeshNames.Group}\" denied the request", StringComparison.Ordinal) => null,
            var problem => problem,
        };
    }

    private static async Task<(T? Value, string? Problem)> AnswerAsync<T>(Func<Task<T>> request)
        where T : class
    {
        try
        {
            return (await request(), null);
        }
        catch (HttpOperationException e)
        {
            return (null, $"the API server answered {(int)e.Response.StatusCode}: {Message(e.Response.Content)}");
        }
        catch (HttpRequestException e)
        {
            throw new CheckException($"the cluster does not answer: {e.Message}");
        }
    }

    /// <summary>The message of a Status, or the whole answer where it is none.</summary>
    private static string Message(string answer)
    {
        try
        {
            return EntityJson.Deserialize<V1Status>(answer).Message ?? answer;
        }
        catch (JsonException)
        {
            return answer;
        }
    }
}
