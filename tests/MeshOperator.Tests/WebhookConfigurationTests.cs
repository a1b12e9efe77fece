using System.Text.Json.Nodes;
using MeshOperator.Kubernetes.Manifests;
using MeshOperator.Testing;
using MeshOperator.Webhooks;
using Shouldly;
using Xunit;

namespace MeshOperator.Tests;

/// <summary>Where there is no chart the operator makes the webhook configurations itself: those that the chart makes, with URLs in place of
/// the Service.</summary>
public sealed class WebhookConfigurationTests
{
    private const string Url = "https://mesh-operator.mesh-system.svc:443";
    private const string Namespace = "mesh-system";

    [Fact]
    public void Pods_are_led_to_the_webhook_as_by_the_chart() =>
        FromOperator(WebhookConfigurations.Mutating(Url, "roots", Namespace)).ShouldBe(FromChart("MutatingWebhookConfiguration"));

    [Fact]
    public void Policies_are_led_to_the_webhook_as_by_the_chart() =>
        FromOperator(WebhookConfigurations.Validating(Url, "roots")).ShouldBe(FromChart("ValidatingWebhookConfiguration"));

    private static string FromOperator(JsonObject configuration) => Normalize(configuration, client => (string)client["url"]!);

    /// <summary>Of the chart with its default values.</summary>
    private static string FromChart(string kind)
    {
        var text = File.ReadAllText(Path.Combine(Repository.Root, "tests", "testdata", "chart", "default", "out.yaml"));
        var configuration = ManifestReader.Read(text).Single(entity => (string?)entity["kind"] == kind);
        return Normalize(
            configuration,
            client =>
                client["service"] is { } service
                    ? $"https://{service["name"]}.{service["namespace"]}.svc:{service["port"]}{service["path"]}"
                    : string.Empty
        );
    }

    /// <summary>The webhooks as text, whatever the order of their fields.</summary>
    private static string Normalize(JsonObject configuration, Func<JsonObject, string> url)
    {
        var webhooks = (JsonArray)configuration["webhooks"]!.DeepClone();
        foreach (var webhook in webhooks)
            webhook!["clientConfig"] = url((JsonObject)webhook["clientConfig"]!);
        return Ordered(webhooks)!.ToJsonString(new System.Text.Json.JsonSerializerOptions { WriteIndented = true });
    }

    private static JsonNode? Ordered(JsonNode? node) =>
        node switch
        {
            JsonObject map => new JsonObject(
                map.OrderBy(entry => entry.Key, StringComparer.Ordinal)
                    .Select(entry => KeyValuePair.Create(entry.Key, Ordered(entry.Value)))
            ),
            JsonArray list => new JsonArray([.. list.Select(Ordered)]),
            _ => node?.DeepClone(),
        };
}
