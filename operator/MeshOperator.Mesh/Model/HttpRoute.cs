using MeshOperator.Api;
using MeshOperator.Api.Policies;

namespace MeshOperator.Mesh.Model;

/// <summary>What happens to the requests that one match selects.</summary>
public sealed record HttpRoute
{
    /// <summary>A name for logs and statistics, unique within the port: the rule's name or index.</summary>
    public required string Name { get; init; }

    /// <summary>Which requests.</summary>
    public HttpMatch Match { get; init; } = HttpMatch.All;

    /// <summary>Where they go, by weight. The sum of weights is at least 1.</summary>
    public required ValueList<WeightedBackend> Backends { get; init; }

    /// <summary>The gradual shift whose requests these are; null where there is none.</summary>
    public ShiftName? Shift { get; init; }

    /// <summary>Whether it is measured when the bodies of responses begin, for <see cref="Shift"/>.</summary>
    public bool MeasuresFirstByte { get; init; }

    /// <summary>A copy of the requests, whose answers are ignored.</summary>
    public MirrorTarget? Mirror { get; init; }

    /// <summary>How requests of one client are kept at one endpoint.</summary>
    public StickySession? Sticky { get; init; }

    /// <summary>What those of <see cref="Backends"/> go by that choose an endpoint by a hash; null where none does, and where
    /// <see cref="Sticky"/> takes its place.</summary>
    public StickySession? Hash { get; init; }

    /// <summary>Whether the load reports of backends are taken out of responses, as clients did not ask for them.</summary>
    public bool HidesLoadReports { get; init; }

    /// <summary>The name of the <see cref="StickyPool"/> of all <see cref="Backends"/>; null where requests go to the backends by
    /// weight.</summary>
    public string? Pool { get; init; }

    /// <summary>From the end of a request to the end of its answer, with all retries; null means none.</summary>
    public TimeSpan? RequestTimeout { get; init; }

    /// <summary>From the end of a request to the first byte of its answer, for each attempt; null means none.</summary>
    public TimeSpan? FirstByteTimeout { get; init; }

    /// <summary>For a stream without bytes; null means none.</summary>
    public TimeSpan? IdleTimeout { get; init; }

    /// <summary>Faults to inject.</summary>
    public FaultInjection? Fault { get; init; }

    /// <summary>Changes of request headers.</summary>
    public HeaderChanges? Headers { get; init; }

    /// <summary>When to try again; null where no policy says it (<see cref="RetrySettings.WithoutPolicy"/>).</summary>
    public RetrySettings? Retry { get; init; }
}

/// <summary>A share of traffic.</summary>
/// <param name="Weight">0 to 1,000,000, relative to the sum of the weights.</param>
/// <param name="Backend">Where it goes.</param>
public sealed record WeightedBackend(int Weight, Backend Backend)
{
    /// <summary>The service port; null when it does not exist: that share is answered with status 500.</summary>
    public BackendTarget? Target => Backend as BackendTarget;
}

/// <summary>Where a share of traffic goes.</summary>
public abstract record Backend;

/// <summary>A port of a service.</summary>
public sealed record BackendTarget(ServiceName Service, int Port) : Backend;

/// <summary>A backend that does not exist.</summary>
public sealed record MissingBackend(MissingReason Reason) : Backend;

/// <summary>Why a backend does not exist.</summary>
public enum MissingReason
{
    /// <summary>There is no such service.</summary>
    ServiceNotFound,

    /// <summary>The service is only a name for another host.</summary>
    ExternalName,

    /// <summary>The service has no such port.</summary>
    PortNotFound,
}

/// <summary>Selects requests; all conditions must hold.</summary>
public sealed record HttpMatch
{
    /// <summary>Selects every request.</summary>
    public static HttpMatch All { get; } = new();

    /// <summary>The path without the query string, or null for any. <see cref="StringMatchKind.Prefix"/> matches whole path elements:
    /// <c>/a</c> matches <c>/a</c> and <c>/a/b</c>, not <c>/ab</c>.</summary>
    public StringMatch? Path { get; init; }

    /// <summary>The method in capitals, or null for any.</summary>
    public string? Method { get; init; }

    /// <summary>Header conditions; names in lower case.</summary>
    public ValueList<NamedMatch> Headers { get; init; } = [];

    /// <summary>Query parameter conditions.</summary>
    public ValueList<NamedMatch> QueryParameters { get; init; } = [];

    /// <summary>Cookie conditions, always exact.</summary>
    public ValueList<NamedMatch> Cookies { get; init; } = [];
}

/// <summary>How a string is compared.</summary>
public enum StringMatchKind
{
    /// <summary>Equal, case-sensitive.</summary>
    Exact,

    /// <summary>Begins with it.</summary>
    Prefix,

    /// <summary>Matches an RE2 expression as a whole.</summary>
    RegularExpression,

    /// <summary>Is there, whatever its value.</summary>
    Present,
}

/// <summary>A condition on a string.</summary>
public sealed record StringMatch(StringMatchKind Kind, string Value);

/// <summary>A condition on a named value: a header, query parameter or cookie.</summary>
public sealed record NamedMatch(string Name, StringMatch Match);

/// <summary>A copy of requests.</summary>
/// <param name="Target">Where the copy goes.</param>
/// <param name="Percent">0 to 100 percent of the requests, with up to four decimals.</param>
public sealed record MirrorTarget(BackendTarget Target, double Percent)
{
    /// <summary>The gradual shift whose copies these are; null where there is none.</summary>
    public ShiftName? Shift { get; init; }
}

/// <summary>What identifies a client for <see cref="StickySession"/>.</summary>
public enum StickyKey
{
    /// <summary>A cookie, made by the proxy when the client has none.</summary>
    Cookie,

    /// <summary>A request header.</summary>
    Header,

    /// <summary>The client's IP address.</summary>
    SourceIp,
}

/// <summary>Keeps the requests of one client at one endpoint, by consistent hashing.</summary>
/// <param name="Key">What identifies the client.</param>
/// <param name="Name">The cookie's or header's name; empty for the source address.</param>
/// <param name="Ttl">The made cookie's lifetime; null means a session cookie.</param>
public sealed record StickySession(StickyKey Key, string Name, TimeSpan? Ttl)
{
    /// <summary>Whether it needs a cookie, which libraries do not make.</summary>
    public bool NeedsCookie => Key is StickyKey.Cookie;
}

/// <summary>Faults to inject.</summary>
/// <param name="Delay">How long requests are delayed, or null.</param>
/// <param name="DelayPercent">0 to 100 percent of requests delayed.</param>
/// <param name="AbortStatus">The HTTP status, 200 to 599, with which requests are answered, or null.</param>
/// <param name="AbortPercent">0 to 100 percent of requests aborted.</param>
public sealed record FaultInjection(TimeSpan? Delay, double DelayPercent, int? AbortStatus, double AbortPercent);

/// <summary>Changes of request headers, applied in the order remove, set, add.</summary>
public sealed record HeaderChanges(ValueList<HeaderValue> Set, ValueList<HeaderValue> Add, ValueList<string> Remove);

/// <summary>A header and its value.</summary>
public sealed record HeaderValue(string Name, string Value);

/// <summary>When and how often a request is tried again.</summary>
public sealed record RetrySettings
{
    /// <summary>What holds without a policy: a request is tried again if it certainly reached no application. As much of its body is kept
    /// as a proxy takes in of a stream before it has a connection.</summary>
    public static RetrySettings WithoutPolicy { get; } = CreateWithoutPolicy();

    /// <summary>Retries beyond the first attempt, 0 to 10.</summary>
    public required int Attempts { get; init; }

    /// <summary>How much of a request's body is kept for another attempt, in bytes. What is larger is sent once.</summary>
    public long MaxRequestBody { get; init; } = ByteQuantity.Parse(RetryPolicyDefaults.MaxRequestBody);

    /// <summary>For each attempt, to the first byte of its answer; null means none of its own.</summary>
    public TimeSpan? PerTryTimeout { get; init; }

    /// <summary>What any request is retried on, whatever its method: the server has not begun to handle it. Ordered, each once.</summary>
    public ValueList<RetryTrigger> ConnectionTriggers { get; init; } = [];

    /// <summary>What only requests of <see cref="Methods"/> are retried on. Ordered, each once.</summary>
    public ValueList<RetryTrigger> ResponseTriggers { get; init; } = [];

    /// <summary>Further status codes on which requests of <see cref="Methods"/> are retried.</summary>
    public ValueList<int> StatusCodes { get; init; } = [];

    /// <summary>The methods retried by response; empty means all.</summary>
    public ValueList<string> Methods { get; init; } = [];

    /// <summary>The first pause before a retry.</summary>
    public required TimeSpan BackoffBase { get; init; }

    /// <summary>The longest pause before a retry.</summary>
    public required TimeSpan BackoffMax { get; init; }

    /// <summary>Whether a <c>Retry-After</c> of the server is honoured.</summary>
    public bool RespectRetryAfter { get; init; }

    /// <summary>Whether a retry goes to an endpoint that was not tried before, if there is one.</summary>
    public bool AvoidPreviousHosts { get; init; }

    private static RetrySettings CreateWithoutPolicy()
    {
        var (first, longest) = RetryPolicyDefaults.ResolveBackoff(new RetryPolicySpec());
        return new RetrySettings
        {
            Attempts = RetryPolicyDefaults.Attempts,
            MaxRequestBody = ByteQuantity.Parse("1Mi"),
            ConnectionTriggers = [RetryTrigger.ConnectFailure, RetryTrigger.RefusedStream],
            BackoffBase = first,
            BackoffMax = longest,
            AvoidPreviousHosts = true,
        };
    }
}

/// <summary>What a request is retried on.</summary>
public enum RetryTrigger
{
    /// <summary>No connection could be made.</summary>
    ConnectFailure,

    /// <summary>The server refused the stream before handling it.</summary>
    RefusedStream,

    /// <summary>The connection was lost before the request was sent.</summary>
    ResetBeforeRequest,

    /// <summary>The connection was lost or timed out before an answer.</summary>
    Reset,

    /// <summary>Status 502, 503 or 504.</summary>
    GatewayError,

    /// <summary>Any 5xx status, or no answer.</summary>
    ServerError,

    /// <summary>Status 409.</summary>
    Conflict,

    /// <summary>gRPC status CANCELLED.</summary>
    GrpcCancelled,

    /// <summary>gRPC status DEADLINE_EXCEEDED.</summary>
    GrpcDeadlineExceeded,

    /// <summary>gRPC status INTERNAL.</summary>
    GrpcInternal,

    /// <summary>gRPC status RESOURCE_EXHAUSTED.</summary>
    GrpcResourceExhausted,

    /// <summary>gRPC status UNAVAILABLE.</summary>
    GrpcUnavailable,
}
