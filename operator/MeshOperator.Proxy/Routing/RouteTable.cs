using Envoy.Config.Route.V3;
using MeshOperator.Proxy.Matching;

namespace MeshOperator.Proxy.Routing;

/// <summary>Where requests go: a route configuration, ready for use.</summary>
internal sealed class RouteTable
{
    private readonly Dictionary<string, RoutedHost> _exact = new(StringComparer.OrdinalIgnoreCase);
    private readonly List<(string Suffix, RoutedHost Host)> _suffixes = [];
    private readonly List<(string Prefix, RoutedHost Host)> _prefixes = [];
    private readonly RoutedHost? _any;

    /// <summary>Makes the table of a route configuration.</summary>
    /// <exception cref="ArgumentException">Something in it cannot be had here.</exception>
    public RouteTable(RouteConfiguration configuration)
    {
        Name = configuration.Name;
        ResponseHeadersToRemove = [.. configuration.ResponseHeadersToRemove];
        foreach (var host in configuration.VirtualHosts)
        {
            var routes = new RoutedHost([.. host.Routes.Select(route => RouteRule.Create(route, host))]);
            foreach (var domain in host.Domains)
            {
                if (domain == "*")
                    _any = routes;
                else if (domain.StartsWith('*'))
                    _suffixes.Add((domain[1..], routes));
                else if (domain.EndsWith('*'))
                    _prefixes.Add((domain[..^1], routes));
                else if (!_exact.TryAdd(domain, routes))
                    throw new ArgumentException($"virtual_hosts: the domain {domain} is there twice");
            }
        }

        _suffixes.Sort((a, b) => b.Suffix.Length.CompareTo(a.Suffix.Length));
        _prefixes.Sort((a, b) => b.Prefix.Length.CompareTo(a.Prefix.Length));
    }

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>Headers that are taken out of all responses.</summary>
    public IReadOnlyList<string> ResponseHeadersToRemove { get; }

    /// <summary>The first route whose conditions hold, or null.</summary>
    public RouteRule? Find(RequestView request, RuntimeValues runtime) =>
        Host(request.Authority)?.Routes.FirstOrDefault(route => route.IsMatch(request, runtime));

    private RoutedHost? Host(string authority)
    {
        if (_exact.TryGetValue(authority, out var host))
            return host;
        foreach (var (suffix, routes) in _suffixes)
        {
            if (authority.Length > suffix.Length && authority.EndsWith(suffix, StringComparison.OrdinalIgnoreCase))
                return routes;
        }

        foreach (var (prefix, routes) in _prefixes)
        {
            if (authority.Length > prefix.Length && authority.StartsWith(prefix, StringComparison.OrdinalIgnoreCase))
                return routes;
        }

        return _any;
    }

    private sealed record RoutedHost(IReadOnlyList<RouteRule> Routes);
}
