using System.Globalization;
using MeshOperator.LocalCluster.Protocol;

namespace MeshOperator.LocalCluster.Faults;

/// <summary>What goes wrong.</summary>
internal enum FaultKind
{
    Answer,
    Delay,
    Reset,
    Silence,
    EndWatch,
    ResetWatch,
    ExpireWatch,
    SilenceWatch,
    DuplicateEvent,
    OutdatedEvent,
    UnavailableWebhook,
}

/// <summary>
/// Something that shall go wrong, and for which requests. By default it goes wrong once, for the first request it fits; the
/// properties narrow or widen that: <c>Fault.Answer(429, TimeSpan.FromSeconds(1)) with { Verbs = ["list"], Times = 3 }</c>.
/// </summary>
public sealed record Fault
{
    private Fault(FaultKind kind) => Kind = kind;

    /// <summary>The watch's stream ends before the next event, in order: as when the server's time for it is up.</summary>
    public static Fault EndWatch { get; } = new(FaultKind.EndWatch);

    /// <summary>The watch's connection is reset before the next event.</summary>
    public static Fault ResetWatch { get; } = new(FaultKind.ResetWatch);

    /// <summary>Instead of the next event comes an ERROR event with 410 Expired, and the stream ends.</summary>
    public static Fault ExpireWatch { get; } = new(FaultKind.ExpireWatch);

    /// <summary>The watch stays open and nothing more comes, not even its end: a connection that is closed on one side only.</summary>
    public static Fault SilenceWatch { get; } = new(FaultKind.SilenceWatch);

    /// <summary>A watch event comes twice.</summary>
    public static Fault DuplicateEvent { get; } = new(FaultKind.DuplicateEvent);

    /// <summary>After a watch event comes the object once more as it was before: MODIFIED, with its former resourceVersion.</summary>
    public static Fault OutdatedEvent { get; } = new(FaultKind.OutdatedEvent);

    /// <summary>The request's connection is reset before it is handled.</summary>
    public static Fault Reset { get; } = new(FaultKind.Reset);

    /// <summary>The request is taken and never answered.</summary>
    public static Fault Silence { get; } = new(FaultKind.Silence);

    /// <summary>The verbs it fits, such as <c>list</c>, <c>watch</c> or <c>patch</c>; empty for all.</summary>
    public IReadOnlyList<string> Verbs { get; init; } = [];

    /// <summary>The resource it fits, with its group: <c>configmaps</c>, <c>endpointslices.discovery.k8s.io</c>; null for all.</summary>
    public string? Resource { get; init; }

    /// <summary>The namespace it fits; null for all.</summary>
    public string? Namespace { get; init; }

    /// <summary>Whether it fits only requests for a further page of a list.</summary>
    public bool ContinuedListsOnly { get; init; }

    /// <summary>How often it goes wrong before the order is done; <see cref="int.MaxValue"/> for ever.</summary>
    public int Times { get; init; } = 1;

    /// <summary>The share, 0 to 1, of fitting requests or events for which it goes wrong, by the injector's dice.</summary>
    public double Probability { get; init; } = 1;

    internal FaultKind Kind { get; }

    internal int Code { get; private init; }

    internal TimeSpan? Time { get; private init; }

    internal string? Webhook { get; private init; }

    /// <summary>What it is, in a few words: <c>ResetWatch</c>, <c>Answer 429</c>.</summary>
    public override string ToString() =>
        Kind switch
        {
            FaultKind.Answer => string.Create(CultureInfo.InvariantCulture, $"{Kind} {Code}"),
            FaultKind.Delay => string.Create(CultureInfo.InvariantCulture, $"{Kind} {Time?.TotalMilliseconds} ms"),
            _ => Kind.ToString(),
        };

    /// <summary>The request is answered with an error and not handled.</summary>
    /// <param name="code">One of 409, 410, 429, 500, 503 and 504.</param>
    /// <param name="retryAfter">The Retry-After header, in whole seconds; null for none.</param>
    public static Fault Answer(int code, TimeSpan? retryAfter = null)
    {
        if (code is not (409 or 410 or 429 or 500 or 503 or 504))
            throw new ArgumentOutOfRangeException(nameof(code), code, "only 409, 410, 429, 500, 503 and 504 can be ordered");
        return new Fault(FaultKind.Answer) { Code = code, Time = retryAfter };
    }

    /// <summary>The request is handled after a time.</summary>
    public static Fault Delay(TimeSpan time) => new(FaultKind.Delay) { Time = time };

    /// <summary>An admission webhook cannot be reached.</summary>
    /// <param name="name">The webhook's name; null for all.</param>
    public static Fault UnavailableWebhook(string? name = null) => new(FaultKind.UnavailableWebhook) { Webhook = name };
}
