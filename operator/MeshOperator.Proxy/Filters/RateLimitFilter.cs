using System.Globalization;
using Envoy.Config.Route.V3;
using Envoy.Extensions.Common.Ratelimit.V3;
using Envoy.Extensions.Filters.Http.LocalRatelimit.V3;
using MeshOperator.Proxy.Exchanges;
using MeshOperator.Proxy.Matching;
using MeshOperator.Proxy.Routing;
using Action = Envoy.Config.Route.V3.RateLimit.Types.Action;

namespace MeshOperator.Proxy.Filters;

/// <summary>Bounds requests by token buckets. A request takes a token of each bucket that is for it.</summary>
internal sealed class RateLimitFilter : IHttpFilter
{
    private const int TooManyRequests = 429;
    private const int ResourceExhausted = 8;
    private const string Limit = "x-ratelimit-limit";
    private const string Remaining = "x-ratelimit-remaining";
    private const string Reset = "x-ratelimit-reset";

    private readonly Share _enabled;
    private readonly Share _enforced;
    private readonly IReadOnlyList<Func<RequestView, string?>> _descriptors;
    private readonly Dictionary<string, TokenBucket> _buckets;
    private readonly HeaderChanges _headers;
    private readonly bool _tells;
    private readonly bool _isResourceExhausted;

    /// <summary>Makes a filter.</summary>
    public RateLimitFilter(LocalRateLimit configuration)
    {
        _enabled = Share.Create(configuration.FilterEnabled, Share.None);
        _enforced = Share.Create(configuration.FilterEnforced, Share.None);
        _descriptors = [.. configuration.RateLimits.Select(Descriptor)];
        _buckets = configuration.Descriptors.ToDictionary(
            descriptor => Key(descriptor.Entries.Select(entry => (entry.Key, entry.Value))),
            descriptor => TokenBucket.Create(descriptor.TokenBucket),
            StringComparer.Ordinal
        );
        _headers = new HeaderChanges(configuration.ResponseHeadersToAdd, []);
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
            .Select(descriptor => descriptor(exchange.Request))
            .Where(key => key is not null && _buckets.ContainsKey(key))
            .Select(key => _buckets[key!])
            .Distinct()
            .ToList();
        if (buckets.Count == 0)
            return true;
        var isAllowed = true;
        foreach (var bucket in buckets)
        {
            var (isTaken, remaining, reset) = bucket.Take();
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

    /// <summary>Gives the key of a request's descriptor, or null when it has none.</summary>
    private static Func<RequestView, string?> Descriptor(RateLimit limit)
    {
        var actions = limit.Actions.Select(Entry).ToArray();
        return request =>
        {
            var entries = actions.Select(action => action(request)).ToList();
            return entries.TrueForAll(entry => entry is not null) ? Key(entries.Select(entry => entry!.Value)) : null;
        };
    }

    private static Func<RequestView, (string Key, string Value)?> Entry(Action action)
    {
        if (action.ActionSpecifierCase is Action.ActionSpecifierOneofCase.HeaderValueMatch)
        {
            var match = action.HeaderValueMatch;
            var headers = match.Headers.Select(HeaderMatch.Create).ToArray();
            return request =>
                Array.TrueForAll(headers, header => header.IsMatch(request))
                    ? (Or(match.DescriptorKey, "header_match"), match.DescriptorValue)
                    : null;
        }

        var generic = action.GenericKey;
        return _ => (Or(generic.DescriptorKey, "generic_key"), generic.DescriptorValue);
    }

    private static string Or(string text, string otherwise) => text.Length > 0 ? text : otherwise;

    private static string Key(IEnumerable<(string Key, string Value)> entries) =>
        string.Join('\n', entries.Select(entry => $"{entry.Key}={entry.Value}"));
}
