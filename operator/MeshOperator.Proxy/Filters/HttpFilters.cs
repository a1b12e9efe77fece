using System.Runtime.CompilerServices;
using Envoy.Config.Route.V3;
using Envoy.Extensions.Filters.Http.Fault.V3;
using Envoy.Extensions.Filters.Http.LocalRatelimit.V3;
using Envoy.Extensions.Filters.Http.Rbac.V3;
using Envoy.Extensions.Filters.Http.Router.V3;
using Envoy.Extensions.Filters.Network.HttpConnectionManager.V3;
using Google.Protobuf.WellKnownTypes;
using MeshOperator.Proxy.Exchanges;
using MeshOperator.Proxy.Resources;
using ChooseEndpoint = Envoy.Extensions.Filters.Http.SetFilterState.V3.Config;

namespace MeshOperator.Proxy.Filters;

/// <summary>Something that requests pass before they go to a server.</summary>
internal interface IHttpFilter
{
    /// <summary>Looks at a request, and may answer it. True when it goes on.</summary>
    /// <param name="exchange">The request.</param>
    /// <param name="listener">The filter of the listener, in whose place that of the route stands; else the filter itself.</param>
    ValueTask<bool> PassAsync(Exchange exchange, IHttpFilter listener);
}

/// <summary>The filters of a connection manager, in order. What a route says takes precedence over the listener.</summary>
internal sealed class HttpFilters
{
    private static readonly ConditionalWeakTable<Any, IHttpFilter> Made = new();

    private readonly TimeProvider _time;
    private readonly IReadOnlyList<Slot> _slots;

    /// <summary>Makes the filters.</summary>
    /// <exception cref="ArgumentException">Something in them cannot be had here.</exception>
    public HttpFilters(IEnumerable<HttpFilter> filters, ExtensionStore extensions, TimeProvider time)
    {
        _time = time;
        _slots =
        [
            .. filters.Select(filter => new Slot(
                filter.Name,
                filter.Disabled,
                filter.ConfigDiscovery is not null
                    ? () => extensions.FindHttp(filter.Name)
                    : Always(Make(filter.TypedConfig ?? new Any(), time))
            )),
        ];
    }

    /// <summary>Makes the filter that a configuration is for.</summary>
    /// <exception cref="ArgumentException">Something in it cannot be had here.</exception>
    public static IHttpFilter Make(Any configuration, TimeProvider time)
    {
        if (Made.TryGetValue(configuration, out var known))
            return known;
        IHttpFilter filter =
            configuration.TypeUrl.Length == 0
                ? PassingFilter.Instance
                : ResourceReader.Unpack(configuration) switch
                {
                    RBAC access => new AccessFilter(access),
                    RBACPerRoute access => new AccessFilter(access.Rbac ?? new RBAC()),
                    LocalRateLimit limit => new RateLimitFilter(limit),
                    HTTPFault fault => new FaultFilter(fault, time),
                    Router => PassingFilter.Instance,
                    // The cluster finds the endpoint that the virtual host names.
                    ChooseEndpoint => PassingFilter.Instance,
                    FilterConfig { Disabled: true } => PassingFilter.Instance,
                    FilterConfig { Config: { TypeUrl.Length: > 0 } inner } => Make(inner, time),
                    FilterConfig => EnabledFilter.Instance,
                    var other => throw new ArgumentException(
                        $"{other.Descriptor.FullName} is no filter of requests that the built-in proxy supports"
                    ),
                };
        Made.AddOrUpdate(configuration, filter);
        return filter;
    }

    /// <summary>Lets a request pass all filters. False when one has answered it.</summary>
    public async ValueTask<bool> PassAsync(Exchange exchange)
    {
        foreach (var slot in _slots)
        {
            var configured = exchange.Route is { } route && route.Filters.TryGetValue(slot.Name, out var own) ? Make(own, _time) : null;
            if (configured is null && slot.IsOff)
                continue;
            var listener = slot.Find() ?? PassingFilter.Instance;
            var filter = configured is null or EnabledFilter ? listener : configured;
            if (!await filter.PassAsync(exchange, listener))
                return false;
        }

        return true;
    }

    private static Func<IHttpFilter?> Always(IHttpFilter filter) => () => filter;

    private sealed record Slot(string Name, bool IsOff, Func<IHttpFilter?> Find);

    /// <summary>Lets all pass.</summary>
    private sealed class PassingFilter : IHttpFilter
    {
        public static readonly PassingFilter Instance = new();

        public ValueTask<bool> PassAsync(Exchange exchange, IHttpFilter listener) => ValueTask.FromResult(true);
    }

    /// <summary>Says that the listener's filter is on.</summary>
    private sealed class EnabledFilter : IHttpFilter
    {
        public static readonly EnabledFilter Instance = new();

        public ValueTask<bool> PassAsync(Exchange exchange, IHttpFilter listener) => listener.PassAsync(exchange, listener);
    }
}
