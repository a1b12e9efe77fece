using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Api.Policies;

/// <summary>Selects requests; all that is given must hold.</summary>
public sealed class HttpRequestMatch
{
    /// <summary>The request's path, without the query.</summary>
    public PathMatch? Path { get; set; }

    /// <summary>The request's method.</summary>
    [EnumValues("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")]
    public string? Method { get; set; }

    /// <summary>The request's headers; names without regard to case.</summary>
    [Items(0, 16)]
    public List<ValueMatch>? Headers { get; set; }

    /// <summary>The request's query parameters.</summary>
    [Items(0, 16)]
    public List<ValueMatch>? QueryParams { get; set; }

    /// <summary>The request's cookies, compared exactly.</summary>
    [Items(0, 16)]
    public List<CookieMatch>? Cookies { get; set; }
}

/// <summary>Compares the path of a request.</summary>
public sealed class PathMatch
{
    /// <summary>How it is compared.</summary>
    [DefaultValue(RequestMatchDefaults.PathType)]
    public PathMatchType Type { get; set; } = RequestMatchDefaults.PathType;

    /// <summary>With what; for Exact and Prefix it begins with a slash.</summary>
    [Required]
    [Length(1, 1024)]
    public string Value { get; set; } = string.Empty;
}

/// <summary>How a path is compared.</summary>
public enum PathMatchType
{
    /// <summary>The whole path is equal.</summary>
    Exact,

    /// <summary>The path's first elements are equal: /a matches /a and /a/b, not /ab.</summary>
    Prefix,

    /// <summary>The whole path matches an RE2 expression.</summary>
    RegularExpression,
}

/// <summary>Compares a named value of a request.</summary>
public sealed class ValueMatch
{
    /// <summary>The header's or parameter's name.</summary>
    [Required]
    [Length(1, 256)]
    [Pattern(HttpHeader.NamePattern)]
    public string Name { get; set; } = string.Empty;

    /// <summary>How its value is compared.</summary>
    [DefaultValue(RequestMatchDefaults.ValueType)]
    public ValueMatchType Type { get; set; } = RequestMatchDefaults.ValueType;

    /// <summary>With what.</summary>
    [Required]
    [Length(1, 4096)]
    public string Value { get; set; } = string.Empty;
}

/// <summary>How a value is compared.</summary>
public enum ValueMatchType
{
    /// <summary>It is equal.</summary>
    Exact,

    /// <summary>The whole value matches an RE2 expression.</summary>
    RegularExpression,
}

/// <summary>Compares a cookie.</summary>
public sealed class CookieMatch
{
    /// <summary>The cookie's name.</summary>
    [Required]
    [Length(1, 256)]
    [Pattern(HttpHeader.NamePattern)]
    public string Name { get; set; } = string.Empty;

    /// <summary>Its value.</summary>
    [Required]
    [Length(1, 4096)]
    public string Value { get; set; } = string.Empty;
}
