using System.Diagnostics.CodeAnalysis;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Api.Policies;

/// <summary>Copies requests to another service.</summary>
public sealed class RequestMirror
{
    /// <summary>The service that receives the copies, in the same namespace.</summary>
    [Required]
    [Length(1, ServiceNames.Longest)]
    [Pattern(ServiceNames.Pattern)]
    public string Service { get; set; } = string.Empty;

    /// <summary>The service's port. If omitted, it is chosen as for a backend.</summary>
    [RangeMinimum(1)]
    [RangeMaximum(65535)]
    public int? Port { get; set; }

    /// <summary>The share of requests that are copied, in percent.</summary>
    [DefaultValue(TrafficSplitDefaults.Percent)]
    [RangeMinimum(0)]
    [RangeMaximum(100)]
    public double Percent { get; set; } = TrafficSplitDefaults.Percent;
}

/// <summary>Keeps the requests of one client at one endpoint. Exactly one of cookie, header and sourceIP is set.</summary>
[ValidationRule(
    "[has(self.cookie), has(self.header), has(self.sourceIP) && self.sourceIP].exists_one(given, given)",
    "set exactly one of cookie, header and sourceIP"
)]
public sealed class StickySessions
{
    /// <summary>By a cookie. The proxy sets it if the client has none.</summary>
    public StickyCookie? Cookie { get; set; }

    /// <summary>By the value of this request header.</summary>
    [Length(1, 256)]
    [Pattern(HttpHeader.NamePattern)]
    public string? Header { get; set; }

    /// <summary>By the client's IP address.</summary>
    [System.Text.Json.Serialization.JsonPropertyName("sourceIP")]
    public bool? SourceIP { get; set; }
}

/// <summary>A cookie for sticky sessions.</summary>
public sealed class StickyCookie
{
    /// <summary>The cookie's name.</summary>
    [Required]
    [Length(1, 256)]
    [Pattern(HttpHeader.NamePattern)]
    public string Name { get; set; } = string.Empty;

    /// <summary>The cookie's lifetime. If omitted, the browser's session.</summary>
    [Duration]
    public string? Ttl { get; set; }
}

/// <summary>How long a request may take.</summary>
public sealed class RouteTimeouts
{
    /// <summary>Timeout of the whole request with all its retries, to the end of the response. It cuts streams that last longer. 0s means
    /// no limit.</summary>
    [Duration]
    public string? Request { get; set; }

    /// <summary>Timeout of each attempt until its response begins; streams may last longer. 0s means no limit.</summary>
    [Duration]
    public string? FirstByte { get; set; }

    /// <summary>Timeout of a stream on which no bytes are sent. 0s means no limit.</summary>
    [Duration]
    public string? Idle { get; set; }
}

/// <summary>Delays and errors to inject.</summary>
[ValidationRule("has(self.delay) || has(self.abort)", "the fault is empty; set delay or abort, or omit fault")]
public sealed class Fault
{
    /// <summary>Delays requests.</summary>
    public FaultDelay? Delay { get; set; }

    /// <summary>Answers requests with an error.</summary>
    public FaultAbort? Abort { get; set; }
}

/// <summary>Delays requests.</summary>
public sealed class FaultDelay
{
    /// <summary>The length of the delay.</summary>
    [Required]
    [Duration]
    public string Duration { get; set; } = string.Empty;

    /// <summary>The share of requests that are affected, in percent.</summary>
    [DefaultValue(TrafficSplitDefaults.Percent)]
    [RangeMinimum(0)]
    [RangeMaximum(100)]
    public double Percent { get; set; } = TrafficSplitDefaults.Percent;
}

/// <summary>Answers requests with an error.</summary>
public sealed class FaultAbort
{
    /// <summary>The HTTP status of the response.</summary>
    [Required]
    [RangeMinimum(200)]
    [RangeMaximum(599)]
    public int Status { get; set; }

    /// <summary>The share of requests that are affected, in percent.</summary>
    [DefaultValue(TrafficSplitDefaults.Percent)]
    [RangeMinimum(0)]
    [RangeMaximum(100)]
    public double Percent { get; set; } = TrafficSplitDefaults.Percent;
}

/// <summary>Changes to the requests' headers. The host, connection headers (content-length, transfer-encoding, upgrade, …) and
/// x-envoy-… cannot be changed.</summary>
public sealed class HeaderFilter
{
    /// <summary>Headers to set. They replace headers of the same name.</summary>
    [ListMapKeys("name")]
    [Items(0, 16)]
    [AllowNull]
    public List<HttpHeader> Set
    {
        get;
        set => field = value ?? [];
    } = [];

    /// <summary>Headers to add. Headers of the same name are kept.</summary>
    [ListMapKeys("name")]
    [Items(0, 16)]
    [AllowNull]
    public List<HttpHeader> Add
    {
        get;
        set => field = value ?? [];
    } = [];

    /// <summary>Names of headers to remove.</summary>
    [ListSet]
    [Items(0, 16)]
    [Length(1, 256)]
    [Pattern(HttpHeader.NamePattern)]
    [AllowNull]
    public List<string> Remove
    {
        get;
        set => field = value ?? [];
    } = [];
}

/// <summary>An HTTP header.</summary>
public sealed class HttpHeader
{
    /// <summary>A regular expression for the characters in names of headers, query parameters and cookies.</summary>
    public const string NameCharacters = @"[A-Za-z0-9!#$%&'*+\-.^_|~]+";

    /// <summary>The schema's pattern of such names.</summary>
    public const string NamePattern = $"^{NameCharacters}$";

    /// <summary>The header's name.</summary>
    [Required]
    [Length(1, 256)]
    [Pattern(HttpHeader.NamePattern)]
    public string Name { get; set; } = string.Empty;

    /// <summary>The header's value.</summary>
    [Required]
    [Length(1, 4096)]
    public string Value { get; set; } = string.Empty;
}
