using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Faults;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Kinds;
using MeshOperator.LocalCluster.Patches;
using MeshOperator.LocalCluster.Registry;
using MeshOperator.LocalCluster.Store;
using Microsoft.Extensions.Logging;

namespace MeshOperator.LocalCluster.Admission;

/// <summary>Asks the mutating and validating webhooks that are configured in the store.</summary>
internal sealed class WebhookAdmission(ObjectStore store, KindRegistry kinds, WebhookClient client, FaultInjector faults, ILogger logger)
    : IAdmission
{
    private readonly ConditionalWeakTable<StoredObject, Webhook[]> _read = [];
    private readonly ResourceKind _mutating = kinds.Builtin("admissionregistration.k8s.io", "mutatingwebhookconfigurations");
    private readonly ResourceKind _validating = kinds.Builtin("admissionregistration.k8s.io", "validatingwebhookconfigurations");
    private readonly ResourceKind _namespaces = kinds.Builtin("", "namespaces");

    public async Task<JsonObject> MutateAsync(AdmissionAttributes attributes)
    {
        var webhooks = Configured(_mutating, attributes);
        if (webhooks.Count == 0)
            return attributes.Object!;
        var current = attributes.Object;
        var seen = new Dictionary<Webhook, JsonObject?>(ReferenceEqualityComparer.Instance);
        foreach (var webhook in webhooks)
        {
            if (Match(webhook, attributes with { Object = current }) is not { } asKind)
                continue;
            current = await MutateOneAsync(webhook, attributes with { Object = current }, asKind);
            seen[webhook] = current?.Copy();
        }

        // Whoever asked for it sees once more what later webhooks changed.
        foreach (var webhook in webhooks.Where(w => w.Reinvoke))
        {
            if (!seen.TryGetValue(webhook, out var then) || JsonAccess.Same(then, current))
                continue;
            if (Match(webhook, attributes with { Object = current }) is { } asKind)
                current = await MutateOneAsync(webhook, attributes with { Object = current }, asKind);
        }

        return current!;
    }

    public async Task ValidateAsync(AdmissionAttributes attributes)
    {
        if (attributes.Operation == "DELETE")
            await MutateAsync(attributes);
        var calls = Configured(_validating, attributes)
            .Select(webhook => (Webhook: webhook, Kind: Match(webhook, attributes)))
            .Where(call => call.Kind is not null)
            .Select(call => CallAsync(call.Webhook, attributes, call.Kind!))
            .ToArray();
        if (calls.Length > 0)
            await Task.WhenAll(calls);
    }

    private List<Webhook> Configured(ResourceKind configurations, AdmissionAttributes attributes)
    {
        if (attributes.Kind.Group is "admissionregistration.k8s.io" or "authentication.k8s.io" or "authorization.k8s.io")
            return [];
        return [.. store.List(configurations).Where(c => !c.IsDeleting).SelectMany(c => _read.GetValue(c, Webhook.Read))];
    }

    /// <summary>The version in which the webhook wants to see the request; null if it does not.</summary>
    private ResourceKind? Match(Webhook webhook, AdmissionAttributes attributes)
    {
        var kind = attributes.Kind;
        bool Wants(ResourceKind k) =>
            webhook.Rules.Any(r => r.Matches(attributes.Operation, k.Group, k.Version, k.Plural, attributes.Subresource, k.Namespaced));
        var wanted = Wants(kind) ? kind : null;
        if (wanted is null && webhook.Equivalent && kind.IsCustom)
            wanted = kinds.All.FirstOrDefault(k => k.StoredAs == kind.StoredAs && k != kind && Wants(k));
        if (wanted is null || !NamespaceFits(webhook, attributes))
            return null;
        return ObjectFits(webhook, attributes.Object) || ObjectFits(webhook, attributes.OldObject) ? wanted : null;
    }

    private bool NamespaceFits(Webhook webhook, AdmissionAttributes attributes)
    {
        if (webhook.NamespaceSelector.IsEmpty)
            return true;
        if (attributes.Kind == _namespaces)
            return webhook.NamespaceSelector.Matches(
                (attributes.Object ?? attributes.OldObject).Object("metadata").Object("labels").StringMap()
            );
        if (!attributes.Kind.Namespaced)
            return true;
        return store.Find(_namespaces, "", attributes.Namespace) is { } found && webhook.NamespaceSelector.Matches(found.Labels);
    }

    private static bool ObjectFits(Webhook webhook, JsonObject? content) =>
        webhook.ObjectSelector.IsEmpty
        || (content is not null && webhook.ObjectSelector.Matches(content.Object("metadata").Object("labels").StringMap()));

    private async Task<JsonObject?> MutateOneAsync(Webhook webhook, AdmissionAttributes attributes, ResourceKind asKind)
    {
        var response = await CallAsync(webhook, attributes, asKind);
        if (response?.Text("patch") is not { Length: > 0 } patch || attributes.Object is null)
            return attributes.Object;
        if (response.Text("patchType") != "JSONPatch")
            throw Failed(webhook, $"webhook returned response.patchType={response.Text("patchType")}, expected JSONPatch");
        try
        {
            var operations =
                JsonText.Decode(Convert.FromBase64String(patch)) as JsonArray ?? throw new PatchException("the patch is not an array");
            var target = attributes.Object.Copy();
            target["apiVersion"] = asKind.ApiVersion;
            var patched =
                JsonPatch.Apply(target, operations) as JsonObject ?? throw new PatchException("the patched object is not an object");
            patched["apiVersion"] = attributes.Kind.ApiVersion;
            return patched;
        }
        catch (Exception e) when (e is PatchException or FormatException or JsonException)
        {
            throw ApiError.Internal(e.Message);
        }
    }

    private async Task<JsonObject?> CallAsync(Webhook webhook, AdmissionAttributes attributes, ResourceKind asKind)
    {
        if (attributes.Request.DryRun && webhook.HasSideEffects)
            throw ApiError.BadRequest($"admission webhook \"{webhook.Name}\" does not support dry run");
        var uid = Guid.NewGuid().ToString();
        JsonObject review;
        try
        {
            var request = new JsonObject
            {
                ["kind"] = "AdmissionReview",
                ["apiVersion"] = "admission.k8s.io/v1",
                ["request"] = Request(uid, attributes, asKind),
            };
            if (faults.OnWebhook(webhook.Name))
                throw new WebhookException("failed to call webhook: connect: connection refused");
            review = await client.CallAsync(webhook, request, attributes.Request.Cancellation);
        }
        catch (WebhookException e)
        {
            if (!webhook.Ignore)
                throw Failed(webhook, e.Message);
            logger.WebhookIgnored(webhook.Name, e.Message);
            return null;
        }

        var response = review.Object("response");
        var fault =
            response is null ? "webhook response was absent"
            : review.Text("apiVersion") != "admission.k8s.io/v1" || review.Text("kind") != "AdmissionReview"
                ? $"expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got {review.Text("apiVersion")}, "
                    + $"Kind={review.Text("kind")}"
            : response.Text("uid") != uid ? $"expected response.uid=\"{uid}\", got \"{response.Text("uid")}\""
            : null;
        if (fault is not null)
        {
            if (!webhook.Ignore)
                throw Failed(webhook, fault);
            logger.WebhookIgnored(webhook.Name, fault);
            return null;
        }

        foreach (var warning in response.Texts("warnings"))
            attributes.Request.Warn(warning);
        if (response.Flag("allowed") != true)
            throw Denied(webhook, response.Object("status"));
        return response;
    }

    private static JsonObject Request(string uid, AdmissionAttributes attributes, ResourceKind asKind)
    {
        var kind = attributes.Kind;
        var write = attributes.Request;
        var request = new JsonObject
        {
            ["uid"] = uid,
            ["kind"] = new JsonObject
            {
                ["group"] = asKind.Group,
                ["version"] = asKind.Version,
                ["kind"] = asKind.Kind,
            },
            ["resource"] = new JsonObject
            {
                ["group"] = asKind.Group,
                ["version"] = asKind.Version,
                ["resource"] = asKind.Plural,
            },
            ["requestKind"] = new JsonObject
            {
                ["group"] = kind.Group,
                ["version"] = kind.Version,
                ["kind"] = kind.Kind,
            },
            ["requestResource"] = new JsonObject
            {
                ["group"] = kind.Group,
                ["version"] = kind.Version,
                ["resource"] = kind.Plural,
            },
        };
        if (attributes.Subresource.Length > 0)
            request["subResource"] = request["requestSubResource"] = attributes.Subresource;
        if (attributes.Name.Length > 0)
            request["name"] = attributes.Name;
        if (attributes.Namespace.Length > 0)
            request["namespace"] = attributes.Namespace;
        else if (kind is { Group: "", Plural: "namespaces" })
            request["namespace"] = attributes.Name;
        request["operation"] = attributes.Operation;
        request["userInfo"] = User(write.User);
        request["object"] = Shown(attributes.Object, asKind);
        request["oldObject"] = Shown(attributes.OldObject, asKind);
        request["dryRun"] = write.DryRun;
        var options = attributes.Operation switch
        {
            "CREATE" => "CreateOptions",
            "UPDATE" => "UpdateOptions",
            _ => "DeleteOptions",
        };
        request["options"] = new JsonObject { ["kind"] = options, ["apiVersion"] = "meta.k8s.io/v1" };
        if (options != "DeleteOptions")
            request["options"]!["fieldManager"] = write.FieldManager;
        return request;
    }

    private static JsonObject? Shown(JsonObject? content, ResourceKind asKind)
    {
        var shown = content?.Copy();
        if (shown is not null)
            shown["apiVersion"] = asKind.ApiVersion;
        return shown;
    }

    private static JsonObject User(UserInfo user)
    {
        var json = new JsonObject { ["username"] = user.Name, ["groups"] = new JsonArray([.. user.Groups.Select(g => (JsonNode?)g)]) };
        if (user.Uid.Length > 0)
            json["uid"] = user.Uid;
        if (user.Extra.Count == 0)
            return json;
        var extra = json.Ensure("extra");
        foreach (var (key, values) in user.Extra)
            extra[key] = new JsonArray([.. values.Select(v => (JsonNode?)v)]);
        return json;
    }

    private static ApiException Failed(Webhook webhook, string because) =>
        ApiError.Internal($"failed calling webhook \"{webhook.Name}\": {because}");

    private static ApiException Denied(Webhook webhook, JsonObject? status)
    {
        var denied = $"admission webhook \"{webhook.Name}\" denied the request";
        var message =
            status.Text("message") is { Length: > 0 } text ? $"{denied}: {text}"
            : status.Text("reason") is { Length: > 0 } reason ? $"{denied}: {reason}"
            : $"{denied} without explanation";
        var code = (int)Math.Max(status.Integer("code") ?? 0, 400);
        var answer = ApiError.Status(code, status.Text("reason") ?? "", message, status.Object("details")?.Copy() ?? []);
        if (answer.Text("reason") is "")
            answer.Remove("reason");
        return new ApiException(code, answer);
    }
}
