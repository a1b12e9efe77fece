using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.WebUtilities;

namespace MeshOperator.Proxy.Matching;

/// <summary>A request as conditions see it.</summary>
internal sealed class RequestView
{
    private readonly HttpContext _context;
    private IQueryCollection? _query;

    /// <summary>Reads a request. Its target may be a path, or a whole URL as clients of a proxy write it.</summary>
    public RequestView(HttpContext context)
    {
        _context = context;
        Number = Dice.Next();
        PathAndQuery = Target(context.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget);
        var end = PathAndQuery.AsSpan().IndexOfAny('?', '#');
        Path = end < 0 ? PathAndQuery : PathAndQuery[..end];
    }

    /// <summary>The random number by which shares of requests are chosen: all by the same, as Envoy does it.</summary>
    public ulong Number { get; }

    /// <summary>The path with its query, as it was sent.</summary>
    public string PathAndQuery { get; }

    /// <summary>The path as it was sent.</summary>
    public string Path { get; }

    /// <summary>The method.</summary>
    public string Method => _context.Request.Method;

    /// <summary>The host, with a port if the client named one.</summary>
    public string Authority { get; set; } = "";

    /// <summary>The parameters of the query.</summary>
    public IQueryCollection Query =>
        _query ??= new QueryCollection(QueryHelpers.ParseQuery(Path.Length < PathAndQuery.Length ? PathAndQuery[Path.Length..] : ""));

    /// <summary>The identity in the client's certificate, or null.</summary>
    public string? Caller { get; init; }

    /// <summary>Whether it is a call of gRPC.</summary>
    public bool IsGrpc =>
        _context.Request.ContentType is { } type && type.StartsWith("application/grpc", StringComparison.OrdinalIgnoreCase);

    /// <summary>The value of a header or pseudo-header, or null. Several values are one, with commas.</summary>
    public string? Header(string name) =>
        name switch
        {
            ":path" => PathAndQuery,
            ":method" => Method,
            ":authority" => Authority,
            ":scheme" => _context.Request.Scheme,
            _ when _context.Request.Headers.TryGetValue(name, out var values) => string.Join(
                name.Equals("cookie", StringComparison.OrdinalIgnoreCase) ? "; " : ",",
                (IEnumerable<string?>)values
            ),
            _ => null,
        };

    /// <summary>The value of a cookie without its quotes, or null.</summary>
    public string? Cookie(string name) =>
        _context.Request.Cookies[name] is { } value ? (value is ['"', .. var inner, '"'] ? inner : value) : null;

    /// <summary>The host that a target names, as clients of a proxy write it; null when it names none.</summary>
    public static string? ParseAuthority(string target)
    {
        var start = target.StartsWith('/') ? -1 : target.IndexOf("://", StringComparison.Ordinal);
        if (start < 0)
            return null;
        var rest = target.AsSpan(start + 3);
        var end = rest.IndexOfAny('/', '?');
        return (end < 0 ? rest : rest[..end]).ToString();
    }

    private static string Target(string target)
    {
        if (target.StartsWith('/'))
            return target;
        var authority = target.IndexOf("://", StringComparison.Ordinal);
        if (authority < 0)
            return target;
        var path = target.AsSpan(authority + 3).IndexOfAny('/', '?');
        if (path < 0)
            return "/";
        var rest = target[(authority + 3 + path)..];
        return rest[0] == '/' ? rest : $"/{rest}";
    }
}
