using Envoy.Extensions.Filters.Network.TcpProxy.V3;
using Envoy.Extensions.Matching.InputMatchers.RuntimeFraction.V3;
using Google.Protobuf;
using MeshOperator.Proxy.Matching;
using MeshOperator.Proxy.Resources;
using NetworkRbac = Envoy.Extensions.Filters.Network.Rbac.V3.RBAC;
using RbacAction = Envoy.Config.Rbac.V3.Action;
using RuleAction = Envoy.Config.Rbac.V3.RBAC.Types.Action;
using XdsExtension = Xds.Core.V3.TypedExtensionConfig;

namespace MeshOperator.Proxy.Filters;

/// <summary>Access rules for connections of which nothing but the caller is known.</summary>
internal sealed class ConnectionAccess
{
    private readonly AccessRules? _rules;
    private readonly AccessRules? _shadow;
    private readonly IReadOnlyList<(Share Share, bool IsDenied)> _switches = [];
    private readonly bool _isDeniedOtherwise;

    /// <summary>Makes them.</summary>
    /// <exception cref="ArgumentException">Something in them cannot be had here.</exception>
    public ConnectionAccess(NetworkRbac configuration)
    {
        _rules = AccessRules.Create(configuration.Rules);
        _shadow = AccessRules.Create(configuration.ShadowRules);
        ShadowPrefix = configuration.ShadowRulesStatPrefix;
        IsContinuous = configuration.EnforcementType is NetworkRbac.Types.EnforcementType.Continuous;
        if (configuration.Matcher is not { } matcher)
            return;
        _switches =
        [
            .. (matcher.MatcherList?.Matchers ?? []).Select(rule =>
                (
                    Share.Create(Read<RuntimeFraction>(rule.Predicate.SinglePredicate.CustomMatch).RuntimeFraction_, Share.None),
                    IsDenial(rule.OnMatch?.Action)
                )
            ),
        ];
        _isDeniedOtherwise = IsDenial(matcher.OnNoMatch?.Action);
    }

    /// <summary>Whether it is asked again each time the client sends something.</summary>
    public bool IsContinuous { get; }

    /// <summary>What stands before the names of statistics of rules that only count.</summary>
    public string ShadowPrefix { get; }

    /// <summary>Whether a connection may be, or go on.</summary>
    public bool Lets(string? caller, RuntimeValues runtime)
    {
        foreach (var (share, isDenied) in _switches)
        {
            if (share.Has(Dice.Next(), runtime))
                return !isDenied;
        }

        return !_isDeniedOtherwise && (_rules is null || _rules.Lets(new AccessSubject(null, caller)));
    }

    /// <summary>Whether rules that only count would let a connection be; null without any.</summary>
    public bool? WouldLet(string? caller) => _shadow?.Lets(new AccessSubject(null, caller));

    private static bool IsDenial(XdsExtension? action) => action is not null && Read<RbacAction>(action).Action_ is RuleAction.Deny;

    private static T Read<T>(XdsExtension extension)
        where T : class, IMessage =>
        ResourceReader.Unpack(extension.TypedConfig) as T
        ?? throw new ArgumentException($"matcher: {extension.Name} is not what the built-in proxy supports there");
}

/// <summary>Where the bytes of connections go.</summary>
internal sealed class TcpTarget(TcpProxy configuration)
{
    private readonly IReadOnlyList<(string Name, ulong Weight)> _clusters =
        configuration.ClusterSpecifierCase is TcpProxy.ClusterSpecifierOneofCase.WeightedClusters
            ? [.. configuration.WeightedClusters.Clusters.Select(cluster => (cluster.Name, (ulong)cluster.Weight))]
            : [(configuration.Cluster, 1UL)];

    /// <summary>How long no byte may come or go; null for ever. Envoy's own is an hour.</summary>
    public TimeSpan? IdleTimeout { get; } =
        configuration.IdleTimeout is { } time
            ? (time.ToTimeSpan() is var span && span > TimeSpan.Zero ? span : null)
            : TimeSpan.FromHours(1);

    /// <summary>Whether the connections of one client are kept at one endpoint.</summary>
    public bool HashesClient { get; } = configuration.HashPolicy.Count > 0;

    /// <summary>Chooses a cluster by weight.</summary>
    public string Choose()
    {
        var total = _clusters.Aggregate(0UL, (sum, cluster) => sum + cluster.Weight);
        var rest = total == 0 ? 0 : Dice.Next() % total;
        foreach (var (name, weight) in _clusters)
        {
            if (rest < weight)
                return name;
            rest -= weight;
        }

        return _clusters[^1].Name;
    }
}
