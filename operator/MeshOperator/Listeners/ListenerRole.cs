namespace MeshOperator.Listeners;

/// <summary>What a port of the operator is for.</summary>
internal enum ListenerKind
{
    /// <summary>ADS over TLS.</summary>
    TlsXds,

    /// <summary>Plaintext ADS on loopback.</summary>
    PlaintextXds,

    /// <summary>Webhooks.</summary>
    Webhooks,

    /// <summary>Metrics and health.</summary>
    Metrics,

    /// <summary>What replicas say to each other.</summary>
    Replicas,
}

/// <summary>Marks each connection with the port it came in on, as a port that was chosen at start has no number to compare with, and
/// keeps each endpoint on its own ports.</summary>
internal sealed class ListenerRole(ListenerKind kind)
{
    /// <summary>The role of a request's connection.</summary>
    public static ListenerKind FindKind(HttpContext context) =>
        (
            context.Features.Get<ListenerRole>() ?? throw new InvalidOperationException("The connection came in on a port without a role.")
        ).Kind;

    private ListenerKind Kind => kind;
}
