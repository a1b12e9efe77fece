using MeshOperator.Proxy.Routing;

namespace MeshOperator.Proxy.Forwarding;

/// <summary>How an attempt went.</summary>
internal sealed record AttemptOutcome
{
    /// <summary>The client has its response, or has gone.</summary>
    public static readonly AttemptOutcome Done = new();

    /// <summary>Why there is no response; <see cref="AttemptFailure.None"/> when there is one.</summary>
    public AttemptFailure Failure { get; private init; }

    /// <summary>The failure in Envoy's words.</summary>
    public string Reason { get; private init; } = "";

    /// <summary>Gives headers of a response that is left aside for a retry; null when it is not.</summary>
    public Func<string, string?>? RetriedHeader { get; private init; }

    /// <summary>The rest of a response that is on its way to the client, after which there is no retry; null without one.</summary>
    public Task<AttemptOutcome>? Rest { get; private init; }

    /// <summary>There is no response.</summary>
    public static AttemptOutcome Failed(AttemptFailure failure, string reason = "") => new() { Failure = failure, Reason = reason };

    /// <summary>The response is left aside for a retry.</summary>
    public static AttemptOutcome Retried(Func<string, string?> header) => new() { RetriedHeader = header };

    /// <summary>The response is on its way to the client.</summary>
    public static AttemptOutcome Answered(Task<AttemptOutcome> rest) => new() { Rest = rest };
}
