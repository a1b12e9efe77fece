using System.Text.Json.Nodes;

namespace MeshOperator.LocalCluster.Errors;

/// <summary>An answer other than success, carried as the metav1.Status that the client will read.</summary>
internal sealed class ApiException(int code, JsonObject status) : Exception((string?)status["message"])
{
    public int Code { get; } = code;

    public JsonObject Status { get; } = status;

    public string Reason => (string?)Status["reason"] ?? "";

    /// <summary>Seconds for a Retry-After header, if any.</summary>
    public int? RetryAfter { get; init; }
}
