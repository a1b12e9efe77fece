using System.Globalization;
using Envoy.Config.Route.V3;
using MeshOperator.Proxy.Matching;
using Action = Envoy.Config.Route.V3.RateLimit.Types.Action;

namespace MeshOperator.Proxy.Filters;

/// <summary>What rate limits know requests by.</summary>
internal sealed class RequestDescriptor
{
    private readonly Func<RequestView, (string Key, string Value)?>[] _entries;
    private readonly Func<RequestView, long> _cost;

    /// <summary>Makes one.</summary>
    /// <exception cref="ArgumentException">The cost is not a number or a header of the request.</exception>
    public RequestDescriptor(RateLimit limit)
    {
        _entries = [.. limit.Actions.Select(Entry)];
        _cost = CostBy(limit.HitsAddend);
    }

    /// <summary>The entries of a request, or null when it lacks one.</summary>
    public IReadOnlyList<(string Key, string Value)>? Find(RequestView request)
    {
        var entries = _entries.Select(entry => entry(request)).ToList();
        return entries.TrueForAll(entry => entry is not null) ? [.. entries.Select(entry => entry!.Value)] : null;
    }

    /// <summary>How many tokens a request takes.</summary>
    public long Cost(RequestView request) => _cost(request);

    private static Func<RequestView, (string Key, string Value)?> Entry(Action action)
    {
        switch (action.ActionSpecifierCase)
        {
            case Action.ActionSpecifierOneofCase.HeaderValueMatch:
                var match = action.HeaderValueMatch;
                var headers = match.Headers.Select(HeaderMatch.Create).ToArray();
                return request =>
                    Array.TrueForAll(headers, header => header.IsMatch(request))
                        ? (Or(match.DescriptorKey, "header_match"), match.DescriptorValue)
                        : null;
            case Action.ActionSpecifierOneofCase.RequestHeaders:
                var named = action.RequestHeaders;
                return request => request.Header(named.HeaderName) is { } value ? (named.DescriptorKey, value) : null;
            case Action.ActionSpecifierOneofCase.Extension:
                return request => request.Caller is { } caller ? (action.Extension.Name, caller) : null;
            default:
                var generic = action.GenericKey;
                return _ => (Or(generic.DescriptorKey, "generic_key"), generic.DescriptorValue);
        }
    }

    private static Func<RequestView, long> CostBy(RateLimit.Types.HitsAddend? hits)
    {
        if (hits is not { Format: ['%', 'R', 'E', 'Q', '(', .. var header, ')', '%'] })
        {
            if (hits is { Format.Length: > 0 })
                throw new ArgumentException($"the built-in proxy supports no other cost than a header's value: {hits.Format}");
            var number = (long)(hits?.Number ?? 1);
            return _ => number;
        }

        return request => long.TryParse(request.Header(header), CultureInfo.InvariantCulture, out var number) ? number : 1;
    }

    private static string Or(string text, string otherwise) => text.Length > 0 ? text : otherwise;
}
