using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Google.Protobuf;
using MeshOperator.Proxy.Discovery;
using MeshOperator.Proxy.Listeners;
using MeshOperator.Proxy.Resources;
using MeshOperator.Proxy.Statistics;
using MeshOperator.Proxy.Upstream;
using MeshOperator.Xds.Resources;
using Microsoft.AspNetCore.Http;

namespace MeshOperator.Proxy.Admin;

/// <summary>The pages of the admin interface, as Envoy has them: what there is of it here.</summary>
internal sealed class AdminPages(ResourceTracker resources, ClusterStore clusters, ListenerSet listeners, ProxyStatistics statistics)
    : IRequestHandler
{
    private static readonly JsonFormatter Formatter = new(
        JsonFormatter.Settings.Default.WithPreserveProtoFieldNames(true).WithTypeRegistry(SupportTable.Registry)
    );

    /// <inheritdoc/>
    public Task HandleAsync(HttpContext context, ProxiedConnection connection) => AnswerAsync(context, context.Request.Path);

    /// <summary>Answers with the page at a path.</summary>
    public async Task AnswerAsync(HttpContext context, string path)
    {
        var (status, type, body) = path switch
        {
            "/ready" => resources.IsReady ? (200, "text/plain", "LIVE\n") : (503, "text/plain", "INITIALIZING\n"),
            "/stats/prometheus" => (200, "text/plain; version=0.0.4", statistics.Render()),
            _ when path.StartsWith("/stats?format=json", StringComparison.Ordinal) => (
                200,
                "application/json",
                statistics.Latencies.Render()
            ),
            "/config_dump" => (200, "application/json", Dump()),
            "/clusters" => (200, "text/plain", Clusters()),
            "/listeners" => (200, "text/plain", Listeners()),
            _ => (404, "text/plain", "The pages are /ready, /stats/prometheus, /config_dump, /clusters and /listeners.\n"),
        };
        context.Response.StatusCode = status;
        context.Response.ContentType = type;
        await context.Response.WriteAsync(body, context.RequestAborted);
    }

    /// <summary>All resources, but for the content of secrets.</summary>
    private string Dump()
    {
        var dump = new JsonObject();
        foreach (var type in Enum.GetValues<ResourceType>())
        {
            var array = new JsonArray();
            foreach (var resource in resources.Held.Where(held => held.Type == type).OrderBy(held => held.Name, StringComparer.Ordinal))
            {
                array.Add(
                    new JsonObject
                    {
                        ["name"] = resource.Name,
                        ["version"] = resource.Version,
                        ["resource"] = type is ResourceType.Secret ? "[redacted]" : JsonNode.Parse(Formatter.Format(resource.Message)),
                    }
                );
            }

            dump[type.ShortName()] = array;
        }

        return dump.ToString();
    }

    private string Clusters()
    {
        var text = new StringBuilder();
        foreach (var cluster in clusters.All.OrderBy(cluster => cluster.Name, StringComparer.Ordinal))
        {
            foreach (var host in cluster.Hosts)
            {
                text.Append(CultureInfo.InvariantCulture, $"{cluster.Name}::{host.Authority}::rq_active::{host.Active}\n");
                text.Append(
                    CultureInfo.InvariantCulture,
                    $"{cluster.Name}::{host.Authority}::health_flags::{(cluster.IsEjected(host) ? "/failed_outlier_check" : "healthy")}\n"
                );
            }
        }

        return text.ToString();
    }

    private string Listeners() =>
        string.Concat(
            listeners
                .All.SelectMany(listener => listener.Plan.Addresses.Select(address => $"{listener.Plan.Name}::{address}\n"))
                .Order(StringComparer.Ordinal)
        );
}
