using System.Globalization;
using Envoy.Extensions.Common.Ratelimit.V3;
using Envoy.Extensions.Filters.Http.LocalRatelimit.V3;
using MeshOperator.Proxy.Exchanges;
using MeshOperator.Proxy.Matching;
using MeshOperator.Proxy.Routing;

namespace MeshOperator.Proxy.Filters;

/// <summary>Bounds requests by token buckets. A request takes a token of each bucket that is for it.</summary>
internal sealed class RateLimitFilter : IHttpFilter
{
    private const int TooManyRequests = 429;
    private const int ResourceExhausted = 8;
    private const string PeerIdentity = "%DOWNSTREAM_PEER_URI_SAN%";
    private const string Limit = "x-ratelimit-limit";
    private const string Remaining = "x-ratelimit-remaining";
    private const string Reset = "x-ratelimit-reset";

    private readonly Share _enabled;
    private readonly Share _enforced;
    private readonly IReadOnlyList<RequestDescriptor> _descriptors;
    private readonly LimitBuckets _buckets;
    private readonly HeaderChanges _headers;
    private readonly IReadOnlyList<string> _identityHeaders;
    private readonly bool _tells;
    private readonly bool _isResourceExhausted;

    /// <summary>Makes a filter.</summary>
    public RateLimitFilter(LocalRateLimit configuration)
    {
        _enabled = Share.Create(configuration.FilterEnabled, Share.None);
        _enforced = Share.Create(configuration.FilterEnforced, Share.None);
        _descriptors = [.. configuration.RateLimits.Select(limit => new RequestDescriptor(limit))];
        _buckets = new LimitBuckets(configuration);
        var ofIdentity = configuration.ResponseHeadersToAdd.ToLookup(header => header.Header.Value == PeerIdentity);
        _headers = new HeaderChanges(ofIdentity[false], []);
        _identityHeaders = [.. ofIdentity[true].Select(header => header.Header.Key)];
        _tells = configuration.EnableXRatelimitHeaders is XRateLimitHeadersRFCVersion.DraftVersion03;
        _isResourceExhausted = configuration.RateLimitedAsResourceExhausted;
    }

    /// <inheritdoc/>
    public async ValueTask<bool> PassAsync(Exchange exchange, IHttpFilter listener)
    {
        var settings = exchange.Settings;
        if (!_enabled.Has(exchange.Request.Number, settings.Runtime))
            return true;
        var buckets = _descriptors
            .Select(descriptor => (Entries: descriptor.Find(exchange.Request), Cost: descriptor.Cost(exchange.Request)))
            .Select(found => (Bucket: found.Entries is { } entries ? _buckets.Find(entries) : null, found.Cost))
            .Where(found => found.Bucket is not null)
            .ToList();
        if (buckets.Count == 0)
            return true;
        var isAllowed = true;
        foreach (var (bucket, cost) in buckets)
        {
            var (isTaken, remaining, reset) = bucket!.Take(cost);
            if (_tells)
                Tell(exchange, bucket.Size, remaining, reset);
            isAllowed &= isTaken;
            if (!isTaken)
                break;
        }

        settings.Statistics.Count("http", settings.StatPrefix, isAllowed ? "local_rate_limit_ok" : "local_rate_limit_rate_limited");
        if (isAllowed || !_enforced.Has(exchange.Request.Number, settings.Runtime))
            return true;
        settings.Statistics.Count("http", settings.StatPrefix, "local_rate_limit_enforced");
        var added = new Microsoft.AspNetCore.Http.HeaderDictionary();
        _headers.Apply(added);
        foreach (var name in exchange.Request.Caller is null ? [] : _identityHeaders)
            added[name] = exchange.Request.Caller;
        foreach (var (name, value) in added)
            exchange.AddResponseHeader(name, value.ToString());
        await exchange.ReplyAsync(TooManyRequests, "local_rate_limited", grpcStatus: _isResourceExhausted ? ResourceExhausted : null);
        return false;
    }

    /// <summary>Of several buckets the one with the fewest tokens left is reported.</summary>
    private static void Tell(Exchange exchange, long size, long remaining, TimeSpan reset)
    {
        if (exchange.AddedResponseHeader(Remaining) is { } told)
        {
            if (long.Parse(told, CultureInfo.InvariantCulture) <= remaining)
                return;
            foreach (var name in (string[])[Limit, Remaining, Reset])
                exchange.RemoveResponseHeader(name);
        }

        exchange.AddResponseHeader(Limit, size.ToString(CultureInfo.InvariantCulture));
        exchange.AddResponseHeader(Remaining, remaining.ToString(CultureInfo.InvariantCulture));
        exchange.AddResponseHeader(Reset, Math.Ceiling(reset.TotalSeconds).ToString(CultureInfo.InvariantCulture));
    }
}
