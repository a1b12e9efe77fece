using System.Text.Json.Nodes;
using MeshOperator.LocalCluster.Errors;
using MeshOperator.LocalCluster.Json;
using MeshOperator.LocalCluster.Registry;

namespace MeshOperator.LocalCluster.Authorization;

/// <summary>Answers the reviews of authorization.k8s.io.</summary>
internal sealed class AccessReviews(Authorizer authorizer)
{
    private static readonly Dictionary<string, IReadOnlyList<string>> NoExtra = [];

    /// <summary>The status of a review.</summary>
    /// <param name="plural">Which review.</param>
    /// <param name="spec">What it asks.</param>
    /// <param name="user">Who asks.</param>
    public JsonObject Status(string plural, JsonObject? spec, UserInfo user)
    {
        if (plural == "selfsubjectrulesreviews")
            return Rules(spec, user);
        if (spec.Object("resourceAttributes") is null == spec.Object("nonResourceAttributes") is null)
            throw ApiError.BadRequest("spec: Invalid value: exactly one of nonResourceAttributes or resourceAttributes must be specified");
        var subject = plural == "selfsubjectaccessreviews" ? user : Subject(spec);
        var (allowed, reason) = authorizer.Decide(AccessRequest.FromReview(subject, spec));
        var status = new JsonObject { ["allowed"] = allowed };
        if (reason.Length > 0)
            status["reason"] = reason;
        return status;
    }

    private static UserInfo Subject(JsonObject? spec)
    {
        var name = spec.Text("user") ?? "";
        var groups = spec.Texts("groups").ToArray();
        if (name.Length == 0 && groups.Length == 0)
            throw ApiError.BadRequest("spec.user: Invalid value: \"\": at least one of user or group must be specified");
        return new UserInfo(name, spec.Text("uid") ?? "", groups, NoExtra);
    }

    private JsonObject Rules(JsonObject? spec, UserInfo user)
    {
        if (string.IsNullOrEmpty(spec.Text("namespace")))
            throw ApiError.BadRequest("no namespace on request");
        var rules = authorizer.Rules(user, spec.Text("namespace")!).ToLookup(r => r.Paths.Count > 0);
        return new JsonObject
        {
            ["incomplete"] = false,
            ["resourceRules"] = new JsonArray([.. rules[false].Select(r => (JsonNode?)r.ToReview())]),
            ["nonResourceRules"] = new JsonArray([.. rules[true].Select(r => (JsonNode?)r.ToReview())]),
        };
    }
}
