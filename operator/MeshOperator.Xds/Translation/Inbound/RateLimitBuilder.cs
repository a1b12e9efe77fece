using System.Globalization;
using Envoy.Config.Core.V3;
using Envoy.Extensions.Common.Ratelimit.V3;
using Envoy.Extensions.Filters.Http.LocalRatelimit.V3;
using Envoy.Type.V3;
using Google.Protobuf.WellKnownTypes;
using MeshOperator.Mesh.Model;
using MeshOperator.Xds.Translation.Shared;

namespace MeshOperator.Xds.Translation.Inbound;

/// <summary>Makes the filters that bound requests. Each limit is a token bucket of its own, known by a descriptor that requests have which
/// match; Envoy takes a token of every bucket that fits.</summary>
internal static class RateLimitBuilder
{
    /// <summary>The header of refusals that names the RateLimit, as <c>namespace/name</c>.</summary>
    public const string LimitedByHeader = "x-meshoperator-rate-limited-by";

    /// <summary>The header of refusals that says whose bucket was empty: the client's identity, or the header that names it.</summary>
    public const string LimitedClientHeader = "x-meshoperator-rate-limited-client";

    /// <summary>Envoy's command for the identity in the client's certificate.</summary>
    public const string PeerIdentity = "%DOWNSTREAM_PEER_URI_SAN%";

    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    /// <summary>The shortest interval that Envoy takes.</summary>
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(50);

    /// <summary>The filters of prepared slots, of which those without a limit do nothing. A bucket lives as long as its filter's content
    /// does not change, so each limit has a slot of its own; those beyond share the last.</summary>
    public static IEnumerable<LocalRateLimit> Filters(ValueList<RequestLimit> limits, string statPrefix, int slots)
    {
        for (var slot = 0; slot < slots; slot++)
            yield return Filter(slot < slots - 1 ? [.. limits.Skip(slot).Take(1)] : [.. limits.Skip(slot)], statPrefix);
    }

    /// <summary>A filter's configuration as routes take it: with a bucket for requests that no limit is for. Envoy demands one there, and
    /// makes none of an interval below a millisecond.</summary>
    public static LocalRateLimit InRoutes(LocalRateLimit filter) =>
        new(filter)
        {
            TokenBucket = new TokenBucket
            {
                MaxTokens = 1,
                FillInterval = new Duration { Nanos = 1 },
            },
        };

    private static LocalRateLimit Filter(IReadOnlyList<RequestLimit> limits, string statPrefix)
    {
        // Without a bucket the filter is off; requests that no limit is for have none either.
        var filter = new LocalRateLimit { StatPrefix = statPrefix };
        if (limits.Count == 0)
            return filter;
        filter.FilterEnabled = EnvoyMessages.RuntimeFraction(1);
        filter.FilterEnforced = EnvoyMessages.RuntimeFraction(1);
        filter.EnableXRatelimitHeaders = XRateLimitHeadersRFCVersion.DraftVersion03;
        filter.RateLimitedAsResourceExhausted = true;
        filter.ResponseHeadersToAdd.AddRange(RefusalHeaders(limits));
        filter.RateLimits.AddRange(limits.SelectMany(LimitDescriptors.Actions));
        filter.Descriptors.AddRange(limits.Select(limit => LimitDescriptors.Descriptor(limit, Bucket(limit))));
        if (limits.Any(limit => limit.IsShared))
            filter.LocalClusterRateLimit = new LocalClusterRateLimit();
        if (limits.Any(limit => limit.Client is not null))
            filter.MaxDynamicDescriptors = RequestLimit.MostClients;
        return filter;
    }

    /// <summary>When to come again, whose limit it was, and whose bucket. All limits of a port are of one policy. The value of a header
    /// that names a client may be a secret, so it is not repeated.</summary>
    private static IEnumerable<HeaderValueOption> RefusalHeaders(IReadOnlyList<RequestLimit> limits)
    {
        var policy = limits[0].Policy;
        yield return EnvoyMessages.Header("retry-after", RetryAfter(limits).ToString(CultureInfo.InvariantCulture));
        yield return EnvoyMessages.Header(LimitedByHeader, $"{policy.Namespace}/{policy.Name}");
        if (limits.Select(limit => limit.Client).Distinct().ToList() is [{ } client])
            yield return EnvoyMessages.Header(LimitedClientHeader, client.Header ?? PeerIdentity);
    }

    /// <summary>Fills as smoothly as whole seconds and whole tokens allow: 90 a minute are 3 every 2 s. Where that is more than the burst,
    /// as the shortest interval allows: of one fill no more than the burst would be kept.</summary>
    private static TokenBucket Bucket(RequestLimit limit)
    {
        var unit = limit.Burst < Fill(limit, Second) ? Tick : Second;
        var fill = Fill(limit, unit);
        return Bucket((uint)limit.Burst, (uint)fill, limit.Unit / (limit.Requests / fill));
    }

    /// <summary>The tokens of one fill when intervals are whole multiples of <paramref name="unit"/>.</summary>
    private static int Fill(RequestLimit limit, TimeSpan unit) =>
        limit.Requests / (int)System.Numerics.BigInteger.GreatestCommonDivisor(limit.Requests, limit.Unit.Ticks / unit.Ticks);

    private static TokenBucket Bucket(uint size, uint fill, TimeSpan interval) =>
        new()
        {
            MaxTokens = size,
            TokensPerFill = fill,
            FillInterval = EnvoyMessages.Duration(interval),
        };

    /// <summary>In seconds; after that each bucket has been filled again.</summary>
    private static int RetryAfter(IReadOnlyList<RequestLimit> limits) =>
        (int)Math.Ceiling(limits.Max(limit => Bucket(limit).FillInterval.ToTimeSpan().TotalSeconds));
}
