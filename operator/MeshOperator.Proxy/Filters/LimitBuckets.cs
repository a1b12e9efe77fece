using Envoy.Extensions.Common.Ratelimit.V3;
using Envoy.Extensions.Filters.Http.LocalRatelimit.V3;

namespace MeshOperator.Proxy.Filters;

/// <summary>The buckets of a rate limit's descriptors. One with an entry without a value has a bucket for each value, up to a bound;
/// beyond, the one that was not used for longest goes.</summary>
internal sealed class LimitBuckets
{
    private const int DefaultMost = 20;

    private readonly IReadOnlyList<Family> _families;

    /// <summary>Makes them.</summary>
    public LimitBuckets(LocalRateLimit configuration) =>
        _families = [
            .. configuration.Descriptors.Select(descriptor => new Family(
                descriptor,
                (int)(configuration.MaxDynamicDescriptors ?? DefaultMost)
            )),
        ];

    /// <summary>The bucket of a request's entries, or null.</summary>
    public TokenBucket? Find(IReadOnlyList<(string Key, string Value)> entries) =>
        _families.FirstOrDefault(family => family.IsFor(entries))?.Find(entries);

    private sealed class Family(LocalRateLimitDescriptor descriptor, int most)
    {
        private readonly Lock _gate = new();
        private readonly Dictionary<string, LinkedListNode<(string Key, TokenBucket Bucket)>> _buckets = new(StringComparer.Ordinal);
        private readonly LinkedList<(string Key, TokenBucket Bucket)> _byUse = [];

        public bool IsFor(IReadOnlyList<(string Key, string Value)> entries) =>
            entries.Count == descriptor.Entries.Count
            && entries
                .Zip(descriptor.Entries)
                .All(pair => pair.First.Key == pair.Second.Key && (pair.Second.Value.Length == 0 || pair.First.Value == pair.Second.Value));

        public TokenBucket Find(IReadOnlyList<(string Key, string Value)> entries)
        {
            var key = string.Join('\n', entries.Select(entry => entry.Value));
            lock (_gate)
            {
                if (_buckets.TryGetValue(key, out var known))
                    _byUse.Remove(known);
                else
                    _buckets.Add(key, known = new((key, TokenBucket.Create(descriptor.TokenBucket))));
                _byUse.AddFirst(known);
                if (_buckets.Count > most && _byUse.Last is { } last)
                {
                    _byUse.RemoveLast();
                    _buckets.Remove(last.Value.Key);
                }

                return known.Value.Bucket;
            }
        }
    }
}
