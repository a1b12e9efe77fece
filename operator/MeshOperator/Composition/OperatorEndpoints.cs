using k8s.Models;
using MeshOperator.Api.Authorities;
using MeshOperator.Kubernetes.Admission;
using MeshOperator.Listeners;
using MeshOperator.Pipeline;
using MeshOperator.Replicas;
using MeshOperator.Xds.Hosting;

namespace MeshOperator.Composition;

/// <summary>What the operator answers at each of its ports.</summary>
internal static class OperatorEndpoints
{
    /// <summary>Maps all that is answered, each at its port.</summary>
    public static void MapOperator(this WebApplication app)
    {
        app.Use(
            (context, next) =>
                context.GetEndpoint()?.Metadata.GetMetadata<ListenerKindMetadata>() is { } only
                && !only.Kinds.Contains(ListenerRole.FindKind(context))
                    ? Results.NotFound().ExecuteAsync(context)
                    : next(context)
        );
        foreach (var service in app.MapXdsServer())
            service.WithMetadata(new ListenerKindMetadata(ListenerKind.TlsXds, ListenerKind.PlaintextXds));
        var webhooks = new ListenerKindMetadata(ListenerKind.Webhooks);
        app.MapMutationWebhook<V1Pod>().WithMetadata(webhooks);
        foreach (var webhook in app.MapPolicyWebhooks())
            webhook.WithMetadata(webhooks);
        app.MapValidationWebhook<MeshCertificateAuthority>().WithMetadata(webhooks);
        var metrics = new ListenerKindMetadata(ListenerKind.Metrics);
        app.MapPrometheusScrapingEndpoint().WithMetadata(metrics);
        app.MapGet("/healthz", Alive).WithMetadata(metrics);
        app.MapGet("/readyz", Ready).WithMetadata(metrics);
        foreach (var endpoint in app.MapReplicas())
            endpoint.WithMetadata(new ListenerKindMetadata(ListenerKind.Replicas));
    }

    private static IResult Alive(PipelineWatch pipeline) =>
        pipeline.IsStuck ? Results.Text("a translation has lasted over 2 minutes\n", statusCode: 503) : Results.Text("ok\n");

    private static IResult Ready(MeshPipeline pipeline, Isolation isolation, Shutdown shutdown)
    {
        var reason =
            !pipeline.IsReady ? "not all informers are synced\n"
            : isolation.IsCutOff ? "the API server answers other replicas, but not this one\n"
            : shutdown.IsStopping ? "shutting down\n"
            : null;
        return reason is null ? Results.Text("ok\n") : Results.Text(reason, statusCode: 503);
    }

    private sealed record ListenerKindMetadata(params ListenerKind[] Kinds);
}
