using Envoy.Config.Core.V3;
using Envoy.Config.Route.V3;
using Google.Protobuf.WellKnownTypes;
using MeshOperator.Proxy.Matching;

namespace MeshOperator.Proxy.Routing;

/// <summary>A route: its conditions, and what is done with requests that meet them.</summary>
internal sealed record RouteRule
{
    private const string OwnMetadata = "meshoperator.io";
    private static readonly TimeSpan DefaultTimeout = TimeSpan.FromSeconds(15);

    private readonly Func<string, bool> _path;
    private readonly IReadOnlyList<HeaderMatch> _headers;
    private readonly IReadOnlyList<QueryMatch> _query;
    private readonly Share _share;

    private RouteRule(Route route, VirtualHost host)
    {
        IReadOnlyDictionary<string, Any> ofHost = host.TypedPerFilterConfig;
        Name = route.Name;
        Endpoint = FindEndpoint(host.Metadata);
        _path = Path(route.Match);
        _headers = [.. route.Match.Headers.Select(HeaderMatch.Create)];
        _query = [.. route.Match.QueryParameters.Select(QueryMatch.Create)];
        _share = Share.Create(route.Match.RuntimeFraction, Share.All);
        Filters =
            route.TypedPerFilterConfig.Count == 0
                ? ofHost
                : ofHost
                    .Where(config => !route.TypedPerFilterConfig.ContainsKey(config.Key))
                    .Concat(route.TypedPerFilterConfig)
                    .ToDictionary();
        Headers = new HeaderChanges(route.RequestHeadersToAdd, route.RequestHeadersToRemove);
        if (route.ActionCase is Route.ActionOneofCase.DirectResponse)
        {
            Direct = new DirectAnswer((int)route.DirectResponse.Status, Text(route.DirectResponse.Body));
            return;
        }

        var action = route.Route_ ?? new RouteAction();
        Clusters = WeightedClusters(action);
        TotalWeight = Clusters.Aggregate(0UL, (sum, cluster) => sum + cluster.Weight);
        Timeout = NonZero(action.Timeout?.ToTimeSpan() ?? DefaultTimeout);
        IdleTimeout = action.IdleTimeout?.ToTimeSpan();
        Retry = action.RetryPolicy is { } retry ? RetryPlan.Create(retry) : null;
        Hashes = [.. action.HashPolicy.Select(HashKey.Create)];
        Mirrors =
        [
            .. action.RequestMirrorPolicies.Select(mirror => new Mirror(
                mirror.Cluster,
                Share.Create(mirror.RuntimeFraction, Share.All),
                !mirror.DisableShadowHostSuffixAppend
            )),
        ];
    }

    /// <summary>Its name.</summary>
    public string Name { get; }

    /// <summary>What it says to filters, by their names.</summary>
    public IReadOnlyDictionary<string, Any> Filters { get; }

    /// <summary>Changes of request headers.</summary>
    public HeaderChanges Headers { get; }

    /// <summary>The answer, when requests go nowhere.</summary>
    public DirectAnswer? Direct { get; }

    /// <summary>The clusters that requests go to.</summary>
    public IReadOnlyList<(string Name, ulong Weight)> Clusters { get; } = [];

    /// <summary>The sum of their weights.</summary>
    public ulong TotalWeight { get; }

    /// <summary>How long the answer may take as a whole; null for ever.</summary>
    public TimeSpan? Timeout { get; }

    /// <summary>How long nothing may come or go; zero for ever, null for what the listener says.</summary>
    public TimeSpan? IdleTimeout { get; }

    /// <summary>When requests are retried, or null.</summary>
    public RetryPlan? Retry { get; }

    /// <summary>By what clients are kept at one endpoint.</summary>
    public IReadOnlyList<HashKey> Hashes { get; } = [];

    /// <summary>Who gets copies.</summary>
    public IReadOnlyList<Mirror> Mirrors { get; } = [];

    /// <summary>Address and port of the endpoint that the virtual host names, or null.</summary>
    public string? Endpoint { get; }

    /// <summary>Makes a route.</summary>
    /// <param name="route">The route.</param>
    /// <param name="host">Its virtual host, which says something to filters where the route itself does not.</param>
    /// <exception cref="ArgumentException">Something in it cannot be had here.</exception>
    public static RouteRule Create(Route route, VirtualHost host) => new(route, host);

    /// <summary>Whether the conditions hold.</summary>
    public bool IsMatch(RequestView request, RuntimeValues runtime) =>
        _path(request.Path)
        && _headers.All(header => header.IsMatch(request))
        && _query.All(parameter => parameter.IsMatch(request.Query))
        && _share.Has(request.Number, runtime);

    /// <summary>The cluster of a request, by its random number.</summary>
    public string ChooseCluster(RequestView request)
    {
        if (TotalWeight == 0)
            return Clusters.Count > 0 ? Clusters[0].Name : "";
        var rest = request.Number % TotalWeight;
        foreach (var (name, weight) in Clusters)
        {
            if (rest < weight)
                return name;
            rest -= weight;
        }

        return Clusters[^1].Name;
    }

    private static IReadOnlyList<(string, ulong)> WeightedClusters(RouteAction action) =>
        action.ClusterSpecifierCase is RouteAction.ClusterSpecifierOneofCase.WeightedClusters
            ? [.. action.WeightedClusters.Clusters.Select(cluster => (cluster.Name, (ulong)(cluster.Weight ?? 0)))]
            : [(action.Cluster, 1UL)];

    private static Func<string, bool> Path(RouteMatch match)
    {
        switch (match.PathSpecifierCase)
        {
            case RouteMatch.PathSpecifierOneofCase.ConnectMatcher:
                return _ => false;
            case RouteMatch.PathSpecifierOneofCase.Path:
                return path => path == match.Path;
            case RouteMatch.PathSpecifierOneofCase.SafeRegex:
                var expression = TextMatch.ForExpression(match.SafeRegex.Regex);
                return expression.IsMatch;
            case RouteMatch.PathSpecifierOneofCase.PathSeparatedPrefix:
                var prefix = match.PathSeparatedPrefix;
                return path =>
                    path.StartsWith(prefix, StringComparison.Ordinal) && (path.Length == prefix.Length || path[prefix.Length] == '/');
            default:
                return path => path.StartsWith(match.Prefix, StringComparison.Ordinal);
        }
    }

    private static string Text(DataSource? body) =>
        body is null ? ""
        : body.SpecifierCase is DataSource.SpecifierOneofCase.InlineBytes ? body.InlineBytes.ToStringUtf8()
        : body.InlineString;

    private static string? FindEndpoint(Metadata? metadata) =>
        metadata is not null
        && metadata.FilterMetadata.TryGetValue(OwnMetadata, out var own)
        && own.Fields.TryGetValue("endpoint", out var endpoint)
            ? endpoint.StringValue
            : null;

    private static TimeSpan? NonZero(TimeSpan time) => time > TimeSpan.Zero ? time : null;
}

/// <summary>An answer of the proxy itself.</summary>
internal sealed record DirectAnswer(int Status, string Body);

/// <summary>Who gets copies of requests.</summary>
/// <param name="Cluster">The cluster.</param>
/// <param name="Share">Of which requests.</param>
/// <param name="MarksHost">Whether the copies' host ends with <c>-shadow</c>.</param>
internal sealed record Mirror(string Cluster, Share Share, bool MarksHost);
