using System.Text;
using System.Text.Json.Nodes;
using MeshOperator.Api;
using MeshOperator.Api.Kinds;

namespace MeshOperator.Webhooks;

/// <summary>The webhook configurations as the operator makes them where no chart does.</summary>
internal static class WebhookConfigurations
{
    /// <summary>Fields of the MutatingWebhookConfiguration, without its name.</summary>
    /// <param name="url">Of the webhook server, <c>https://host:port</c>.</param>
    /// <param name="bundle">The roots that its certificate chains to, PEM.</param>
    /// <param name="operatorNamespace">Exempt, so that the operator never waits for itself.</param>
    public static JsonObject Mutating(string url, string bundle, string operatorNamespace)
    {
        var byNamespace = Pods("namespace", url, bundle);
        byNamespace["namespaceSelector"] = Expressions(
            Expression(MeshNames.InjectionLabel, "In", MeshNames.InjectionEnabled),
            NotExempt(operatorNamespace)
        );
        byNamespace["objectSelector"] = Expressions(Expression(MeshNames.InjectLabel, "NotIn", "false"));
        var byPod = Pods("pod", url, bundle);
        byPod["namespaceSelector"] = Expressions(
            Expression(MeshNames.InjectionLabel, "NotIn", MeshNames.InjectionEnabled),
            NotExempt(operatorNamespace)
        );
        byPod["objectSelector"] = Expressions(Expression(MeshNames.InjectLabel, "In", "true"));
        return new JsonObject { ["webhooks"] = new JsonArray(byNamespace, byPod) };
    }

    /// <summary>Fields of the ValidatingWebhookConfiguration, without its name.</summary>
    public static JsonObject Validating(string url, string bundle) =>
        new()
        {
            ["webhooks"] = new JsonArray([
                .. MeshEntities.PluralNames.Select(plural =>
                {
                    var webhook = Common($"{plural}.{MeshNames.Group}", $"{url}/validate/{plural}", bundle);
                    webhook["rules"] = new JsonArray(
                        new JsonObject
                        {
                            ["apiGroups"] = new JsonArray(MeshNames.Group),
                            ["apiVersions"] = new JsonArray(MeshNames.Version),
                            ["operations"] = new JsonArray("CREATE", "UPDATE"),
                            ["resources"] = new JsonArray(plural),
                            ["scope"] = "*",
                        }
                    );
                    return webhook;
                }),
            ]),
        };

    private static JsonObject Pods(string by, string url, string bundle)
    {
        var webhook = Common($"{by}.injection.{MeshNames.Group}", $"{url}/mutate/pods", bundle);
        webhook["reinvocationPolicy"] = "Never";
        webhook["rules"] = new JsonArray(
            new JsonObject
            {
                ["apiGroups"] = new JsonArray(string.Empty),
                ["apiVersions"] = new JsonArray("v1"),
                ["operations"] = new JsonArray("CREATE"),
                ["resources"] = new JsonArray("pods"),
                ["scope"] = "Namespaced",
            }
        );
        return webhook;
    }

    private static JsonObject Common(string name, string url, string bundle) =>
        new()
        {
            ["name"] = name,
            ["admissionReviewVersions"] = new JsonArray("v1"),
            ["clientConfig"] = new JsonObject { ["url"] = url, ["caBundle"] = Convert.ToBase64String(Encoding.ASCII.GetBytes(bundle)) },
            ["failurePolicy"] = "Fail",
            ["matchPolicy"] = "Equivalent",
            ["sideEffects"] = "None",
            ["timeoutSeconds"] = 10,
        };

    private static JsonObject NotExempt(string operatorNamespace) =>
        Expression("kubernetes.io/metadata.name", "NotIn", [.. MeshNames.SystemNamespaces, operatorNamespace]);

    private static JsonObject Expression(string key, string @operator, params string[] values) =>
        new()
        {
            ["key"] = key,
            ["operator"] = @operator,
            ["values"] = new JsonArray([.. values.Select(value => JsonValue.Create(value))]),
        };

    private static JsonObject Expressions(params JsonObject[] expressions) => new() { ["matchExpressions"] = new JsonArray(expressions) };
}
