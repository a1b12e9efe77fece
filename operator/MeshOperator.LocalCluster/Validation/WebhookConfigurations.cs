using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Json;

namespace MeshOperator.LocalCluster.Validation;

/// <summary>Defaults and rules of mutating and validating webhook configurations.</summary>
internal static class WebhookConfigurations
{
    public static void Default(JsonObject content)
    {
        foreach (var webhook in content.Objects("webhooks"))
        {
            webhook.Default("failurePolicy", "Fail");
            webhook.Default("matchPolicy", "Equivalent");
            webhook.Default("timeoutSeconds", 10L);
            webhook.Default("namespaceSelector", new JsonObject());
            webhook.Default("objectSelector", new JsonObject());
            if (content.Text("kind") == "MutatingWebhookConfiguration")
                webhook.Default("reinvocationPolicy", "Never");
            webhook["clientConfig"].Object("service")?.Default("port", 443L);
            foreach (var rule in webhook.Objects("rules"))
                rule.Default("scope", "*");
        }
    }

    public static void Validate(JsonObject content, JsonObject? old, FieldErrors errors)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        var index = 0;
        foreach (var webhook in content.Objects("webhooks"))
        {
            var at = $"webhooks[{index++}]";
            var name = webhook.Text("name") ?? "";
            if (name.Length == 0)
                errors.Required($"{at}.name");
            else if (name.Split('.').Length < 3)
                errors.Invalid($"{at}.name", name, "should be a domain with at least three segments separated by dots");
            else if (!names.Add(name))
                errors.Duplicate($"{at}.name", name);
            OneOf(webhook, "failurePolicy", at, errors, "Fail", "Ignore");
            OneOf(webhook, "matchPolicy", at, errors, "Equivalent", "Exact");
            if (webhook.Text("sideEffects") is not { Length: > 0 })
                errors.Required($"{at}.sideEffects", "must specify one of None, NoneOnDryRun");
            else
                OneOf(webhook, "sideEffects", at, errors, "None", "NoneOnDryRun");
            if (webhook.Integer("timeoutSeconds") is < 1 or > 30)
                errors.Invalid(
                    $"{at}.timeoutSeconds",
                    webhook["timeoutSeconds"]?.DeepClone(),
                    "the timeout value must be between 1 and 30 seconds"
                );
            var versions = webhook.Texts("admissionReviewVersions").ToArray();
            if (versions.Length == 0)
                errors.Required($"{at}.admissionReviewVersions", "must specify one of v1, v1beta1");
            else if (!versions.Contains("v1"))
                errors.Invalid(
                    $"{at}.admissionReviewVersions",
                    webhook["admissionReviewVersions"]!.DeepClone(),
                    "must include at least one of v1, v1beta1"
                );
            Client(webhook.Object("clientConfig"), $"{at}.clientConfig", errors);
            Rules(webhook, at, errors);
        }
    }

    private static void Client(JsonObject? client, string at, FieldErrors errors)
    {
        if (client.Text("url") is { Length: > 0 } url)
        {
            if (client.Object("service") is not null)
                errors.Required(at, "exactly one of url or service is required");
            if (!Uri.TryCreate(url, UriKind.Absolute, out var parsed) || parsed.Scheme != "https")
                errors.Invalid($"{at}.url", url, "'https' is the only allowed URL scheme; desired format: https://host[/path]");
        }
        else if (client.Object("service") is not { } service)
        {
            errors.Required(at, "exactly one of url or service is required");
        }
        else
        {
            if (string.IsNullOrEmpty(service.Text("name")))
                errors.Required($"{at}.service.name", "service name is required");
            if (string.IsNullOrEmpty(service.Text("namespace")))
                errors.Required($"{at}.service.namespace", "service namespace is required");
        }
    }

    private static void Rules(JsonObject webhook, string path, FieldErrors errors)
    {
        var index = 0;
        foreach (var rule in webhook.Objects("rules"))
        {
            var at = $"{path}.rules[{index++}]";
            foreach (var field in new[] { "apiGroups", "apiVersions", "operations", "resources" })
                if (rule.Array(field) is not { Count: > 0 })
                    errors.Required($"{at}.{field}");
            var number = 0;
            foreach (var operation in rule.Texts("operations"))
            {
                if (operation is not ("*" or "CREATE" or "UPDATE" or "DELETE" or "CONNECT"))
                    errors.NotSupported(
                        $"{at}.operations[{number}]",
                        operation,
                        ["\"*\"", "\"CONNECT\"", "\"CREATE\"", "\"DELETE\"", "\"UPDATE\""]
                    );
                number++;
            }
        }
    }

    private static void OneOf(JsonObject content, string field, string at, FieldErrors errors, params string[] allowed)
    {
        if (content.Text(field) is { } value && !allowed.Contains(value))
            errors.NotSupported($"{at}.{field}", value, allowed.Select(a => $"\"{a}\""));
    }
}
