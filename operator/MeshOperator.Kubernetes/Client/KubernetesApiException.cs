using System.Net;

namespace MeshOperator.Kubernetes.Client;

/// <summary>The API server refused a request.</summary>
public sealed class KubernetesApiException : Exception
{
    /// <summary>The reason when nothing was sent, because the server has failed too often.</summary>
    public const string CircuitOpen = "CircuitOpen";

    /// <summary>Makes the exception of an answer.</summary>
    /// <param name="statusCode">The HTTP status.</param>
    /// <param name="reason">The reason in the answer's <c>Status</c>, for example <c>Conflict</c>.</param>
    /// <param name="message">The message in the answer's <c>Status</c>, after what was asked.</param>
    /// <param name="retryAfter">How long the server asks to wait, if it does.</param>
    public KubernetesApiException(HttpStatusCode statusCode, string reason, string message, TimeSpan? retryAfter)
        : base(message) => (StatusCode, Reason, RetryAfter) = (statusCode, reason, retryAfter);

    /// <summary>The HTTP status.</summary>
    public HttpStatusCode StatusCode { get; }

    /// <summary>The reason, for example <c>Conflict</c>.</summary>
    public string Reason { get; }

    /// <summary>How long the server asks to wait.</summary>
    public TimeSpan? RetryAfter { get; }
}
