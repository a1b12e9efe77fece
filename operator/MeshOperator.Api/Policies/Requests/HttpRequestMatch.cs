using System.Diagnostics.CodeAnalysis;
using MeshOperator.Kubernetes.Entities;

namespace MeshOperator.Api.Policies;

/// <summary>Selects requests. All fields that are set must match.</summary>
public sealed class HttpRequestMatch
{
    /// <summary>The request's path, without the query.</summary>
    public PathMatch? Path { get; set; }

    /// <summary>The request's method.</summary>
    [EnumValues("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")]
    public string? Method { get; set; }

    /// <summary>The request's headers. Names are not case-sensitive.</summary>
    [Items(0, 16)]
    [AllowNull]
    public List<ValueMatch> Headers
    {
        get;
        set => field = value ?? [];
    } = [];

    /// <summary>The request's query parameters.</summary>
    [Items(0, 16)]
    [AllowNull]
    public List<ValueMatch> QueryParams
    {
        get;
        set => field = value ?? [];
    } = [];

    /// <summary>The request's cookies, compared exactly.</summary>
    [Items(0, 16)]
    [AllowNull]
    public List<CookieMatch> Cookies
    {
        get;
        set => field = value ?? [];
    } = [];
}

/// <summary>Compares the path of a request.</summary>
public sealed class PathMatch
{
    /// <summary>How the path is compared.</summary>
    [DefaultValue(RequestMatchDefaults.PathType)]
    public PathMatchType Type { get; set; } = RequestMatchDefaults.PathType;

    /// <summary>The value to compare with. For Exact and Prefix it begins with a slash.</summary>
    [Required]
    [Length(1, 1024)]
    public string Value { get; set; } = string.Empty;
}

/// <summary>How a path is compared.</summary>
public enum PathMatchType
{
    /// <summary>The whole path is equal to the value.</summary>
    Exact,

    /// <summary>The path's first segments are equal to the value: /a matches /a and /a/b, but not /ab.</summary>
    Prefix,

    /// <summary>The whole path matches an RE2 regular expression.</summary>
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

    /// <summary>How the value is compared.</summary>
    [DefaultValue(RequestMatchDefaults.ValueType)]
    public ValueMatchType Type { get; set; } = RequestMatchDefaults.ValueType;

    /// <summary>The value to compare with.</summary>
    [Required]
    [Length(1, 4096)]
    public string Value { get; set; } = string.Empty;
}

/// <summary>How a value is compared.</summary>
public enum ValueMatchType
{
    /// <summary>The values are equal.</summary>
    Exact,

    /// <summary>The whole value matches an RE2 regular expression.</summary>
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

    /// <summary>The cookie's value.</summary>
    [Required]
    [Length(1, 4096)]
    public string Value { get; set; } = string.Empty;
}
