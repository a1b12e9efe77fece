using System.Globalization;
using Envoy.Config.Route.V3;
using MeshOperator.Proxy.Matching;
using Microsoft.AspNetCore.Http;
using Policy = Envoy.Config.Route.V3.RouteAction.Types.HashPolicy;

namespace MeshOperator.Proxy.Routing;

/// <summary>By what a client is kept at one endpoint.</summary>
internal abstract record HashKey
{
    /// <summary>Makes one.</summary>
    public static HashKey Create(Policy policy) =>
        policy.PolicySpecifierCase switch
        {
            Policy.PolicySpecifierOneofCase.Cookie => new CookieKey(
                policy.Cookie.Name,
                policy.Cookie.Path,
                policy.Cookie.Ttl?.ToTimeSpan()
            ),
            Policy.PolicySpecifierOneofCase.Header => new HeaderKey(policy.Header.HeaderName),
            _ => new SourceKey(),
        };

    /// <summary>The hash of a text, the same in all proxies.</summary>
    public static ulong Hash(string text)
    {
        // FNV-1a, mixed as SplitMix64 does it: FNV alone leaves short texts close together.
        var hash = 14695981039346656037UL;
        foreach (var letter in text)
            hash = (hash ^ letter) * 1099511628211UL;
        hash = (hash ^ (hash >> 30)) * 0xBF58476D1CE4E5B9UL;
        hash = (hash ^ (hash >> 27)) * 0x94D049BB133111EBUL;
        return hash ^ (hash >> 31);
    }

    /// <summary>What identifies the client of a request, or null. May have the client given a cookie.</summary>
    /// <param name="request">The request.</param>
    /// <param name="context">Its context.</param>
    /// <param name="cookie">The <c>Set-Cookie</c> header that the client is to get, or null.</param>
    public abstract string? Find(RequestView request, HttpContext context, out string? cookie);

    private sealed record HeaderKey(string Name) : HashKey
    {
        public override string? Find(RequestView request, HttpContext context, out string? cookie)
        {
            cookie = null;
            return request.Header(Name);
        }
    }

    private sealed record SourceKey : HashKey
    {
        public override string? Find(RequestView request, HttpContext context, out string? cookie)
        {
            cookie = null;
            return context.Connection.RemoteIpAddress?.ToString();
        }
    }

    /// <summary>Without a lifetime the client is given no cookie; with the lifetime zero it is one of the session.</summary>
    private sealed record CookieKey(string Name, string Path, TimeSpan? Lifetime) : HashKey
    {
        public override string? Find(RequestView request, HttpContext context, out string? cookie)
        {
            cookie = null;
            if (request.Cookie(Name) is { Length: > 0 } value)
                return value;
            if (Lifetime is not { } lifetime)
                return null;
            value = Dice.Next().ToString("x16", CultureInfo.InvariantCulture);
            var text = $"{Name}=\"{value}\"";
            if (lifetime > TimeSpan.Zero)
                text += string.Create(CultureInfo.InvariantCulture, $"; Max-Age={lifetime.TotalSeconds:0}");
            if (Path.Length > 0)
                text += $"; Path={Path}";
            cookie = $"{text}; HttpOnly";
            return value;
        }
    }
}
