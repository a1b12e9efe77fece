using System.Globalization;
using Envoy.Config.Core.V3;
using Envoy.Config.Route.V3;
using Envoy.Extensions.Common.Ratelimit.V3;
using Envoy.Extensions.Filters.Http.LocalRatelimit.V3;
using Envoy.Extensions.Filters.Network.HttpConnectionManager.V3;
using Envoy.Type.V3;
using MeshOperator.Mesh.Model;
using EnvoyHeader = Envoy.Config.Core.V3.HeaderValue;

namespace MeshOperator.Xds.Translation;

/// <summary>Makes the filter that bounds requests. Each limit is a token bucket of its own, known by a descriptor that the route gives to
/// the requests which match; Envoy takes a token of every bucket that fits.</summary>
internal static class RateLimitBuilder
{
    private const string DescriptorKey = "limit";

    /// <summary>Twice of it is still a number to Envoy, which adds to a full bucket before it looks.</summary>
    private const uint Unlimited = 1_000_000_000;

    private static readonly TimeSpan Second = TimeSpan.FromSeconds(1);

    /// <summary>The shortest interval that Envoy takes.</summary>
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(50);

    /// <summary>Null without limits.</summary>
    public static HttpFilter? Filter(ValueList<RequestLimit> limits, string statPrefix)
    {
        if (limits.Count == 0) return null;
        var filter = new LocalRateLimit
        {
            StatPrefix = statPrefix,
            // Requests that no limit is for. The intervals of the other buckets must be multiples of this one's.
            TokenBucket = Bucket(Unlimited, Unlimited, limits.Any(limit => limit.Burst < Fill(limit, Second)) ? Tick : Second),
            FilterEnabled = EnvoyMessages.RuntimeFraction(1),
            FilterEnforced = EnvoyMessages.RuntimeFraction(1),
            EnableXRatelimitHeaders = XRateLimitHeadersRFCVersion.DraftVersion03,
            RateLimitedAsResourceExhausted = true,
            ResponseHeadersToAdd =
            {
                new HeaderValueOption
                {
                    Header = new EnvoyHeader { Key = "retry-after", Value = RetryAfter(limits).ToString(CultureInfo.InvariantCulture) },
                    AppendAction = HeaderValueOption.Types.HeaderAppendAction.OverwriteIfExistsOrAdd,
                },
            },
        };
        filter.Descriptors.AddRange(limits.Select(limit => new LocalRateLimitDescriptor
        {
            Entries = { new RateLimitDescriptor.Types.Entry { Key = DescriptorKey, Value = limit.Name } },
            TokenBucket = Bucket(limit),
        }));
        return new HttpFilter { Name = Names.RateLimitFilter, TypedConfig = EnvoyMessages.Pack(filter) };
    }

    /// <summary>What gives requests the descriptors of the limits that match them.</summary>
    public static IEnumerable<RateLimit> Descriptors(ValueList<RequestLimit> limits) =>
        limits.Select(limit => new RateLimit { Actions = { Action(limit) } });

    private static RateLimit.Types.Action Action(RequestLimit limit)
    {
        var headers = MatchBuilder.AsHeaders(limit.Match).ToList();
        return headers.Count == 0
            ? new RateLimit.Types.Action { GenericKey = new() { DescriptorKey = DescriptorKey, DescriptorValue = limit.Name } }
            : new RateLimit.Types.Action
            {
                HeaderValueMatch = new() { DescriptorKey = DescriptorKey, DescriptorValue = limit.Name, Headers = { headers } },
            };
    }

    /// <summary>Fills as smoothly as whole seconds and whole tokens allow: 90 a minute are 3 every 2 s. Where that is more than the burst, as
    /// the shortest interval allows: of one fill no more than the burst would be kept.</summary>
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
        new() { MaxTokens = size, TokensPerFill = fill, FillInterval = EnvoyMessages.Duration(interval) };

    /// <summary>In seconds; after that each bucket has been filled again.</summary>
    private static int RetryAfter(ValueList<RequestLimit> limits) =>
        (int)Math.Ceiling(limits.Max(limit => Bucket(limit).FillInterval.ToTimeSpan().TotalSeconds));
}
