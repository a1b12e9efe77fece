using System.Globalization;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Mesh.Translation;

/// <summary>Makes the routes of a service's port from its split and retry policies.</summary>
internal sealed class ServiceRouting(ClusterSnapshot snapshot, SplitIndex splits, RetryIndex retries, BreakerIndex breakers, VerdictBuilder verdicts)
{
    private readonly SplitBackends _backends = new(snapshot, verdicts);
    private readonly IReadOnlySet<ObjectName> _named = snapshot.Policies.FindNamedServices(PolicyEffects.Routes);
    private readonly Overrides _overrides = new();
    private readonly HashSet<PolicyKey> _ofConnections = [];
    private readonly Dictionary<BackendTarget, RetryIndex.Candidate> _retriesOfCallers = [];
    private readonly Dictionary<BackendTarget, BreakerIndex.Candidate> _breakersOfCallers = [];

    /// <summary>Whether no policy names a service, so that its own record says all of its routes.</summary>
    public bool IsPlain(ObjectName service) => !_named.Contains(service);

    /// <summary>Whether policies of other services arrive at one of a service's ports with the requests of those who call them. Known once
    /// all ports are routed.</summary>
    public bool IsReached(MeshService service)
    {
        if (_retriesOfCallers.Count == 0 && _breakersOfCallers.Count == 0) return false;
        foreach (var port in service.Ports)
        {
            var target = new BackendTarget(port.Service, port.Port);
            if (_retriesOfCallers.ContainsKey(target) || _breakersOfCallers.ContainsKey(target)) return true;
        }

        return false;
    }

    /// <summary>The port with everything but its endpoints and connection settings, which come when all ports are routed.</summary>
    public MeshServicePort Route(ObjectName name, ServiceRecord service, ServicePortRecord port, PortProtocol protocol)
    {
        var self = new BackendTarget(new ServiceName(name.Namespace, name.Name), port.Port);
        ValueList<WeightedBackend> toSelf = [new WeightedBackend(1, self)];
        var split = splits.Of(name, port.Port) is { } named && _backends.Hold(named, name, service, port) ? named : null;
        var root = new RootPort(name, service, port, protocol);
        var policies = new SortedSet<PolicyKey>(PolicyKeyOrder.Instance);
        if (split is not null) policies.Add(split.Key);

        var tcp = toSelf;
        var routes = new List<HttpRoute>();
        if (split?.Spec.Backends is { } backends)
        {
            tcp = _backends.Resolve(split, backends, "spec.backends", root);
            routes.Add(WithRetries(new HttpRoute { Name = "split", Backends = tcp }, root, split.Key.Name, rule: null, policies));
        }
        else
        {
            if (split?.Spec.Rules is { } rules) AddRules(routes, split, rules, root, policies);
            // What no rule matches goes to the service itself.
            if (!routes.Exists(r => r.Match == HttpMatch.All))
                routes.Add(WithRetries(new HttpRoute { Name = "default", Backends = toSelf }, root, split?.Key.Name, rule: null, policies));
        }

        if (split is not null && breakers.OfService(name, port.Name) is { } breaker)
        {
            foreach (var route in routes) Reach(_breakersOfCallers, route.Backends, breaker);
        }

        return new MeshServicePort
        {
            Service = self.Service,
            Port = port.Port,
            Protocol = protocol,
            Addresses = service.ClusterIps,
            IsHeadless = service.IsHeadless,
            Routes = routes.ToValueList(),
            TcpBackends = tcp,
            RoutePolicies = policies.ToValueList(),
        };
    }

    /// <summary>The port with how connections to it are kept. A policy on the port itself comes first; else that of a service whose split
    /// sends requests there, as those arrive over this port's connections; of several the oldest.</summary>
    public MeshServicePort WithConnection(MeshServicePort port, string portName)
    {
        var service = new ObjectName(port.Service.Namespace, port.Service.Name);
        var self = new BackendTarget(port.Service, port.Port);
        var retry = retries.OfService(service, portName) ?? _retriesOfCallers.GetValueOrDefault(self);
        var breaker = breakers.OfService(service, portName) ?? _breakersOfCallers.GetValueOrDefault(self);
        if (retry is null && breaker is null) return port;
        if (retry is { NamesConnection: true }) _ofConnections.Add(retry.Key);

        var connection = (retry?.Connection ?? new ConnectionSettings()) with { Breaker = breaker?.Settings };
        // Envoy knows a number or a budget; what was named wins over a default.
        if (breaker?.Settings.MaxRetries is not null && retry is not { NamesBudget: true }) connection = connection with { Budget = null };
        return port with
        {
            Connection = connection,
            ClusterPolicies = new PolicyKey?[] { breaker?.Key, retry?.Key }.OfType<PolicyKey>().ToValueList(),
        };
    }

    /// <summary>Lets retry policies say that others hold for all requests of their targets. To be called when all is routed.</summary>
    public void NoteOverrides()
    {
        foreach (var loser in _overrides.Losers.Where(loser => !_overrides.Holds(loser)))
        {
            var isLeft = _ofConnections.Contains(loser);
            var left = isLeft ? "; only its budget and its time-outs of connections are left" : string.Empty;
            verdicts.Overridden(loser, $"for all requests {_overrides.Text(loser)}{left}; delete one of them or choose another target", everywhere: !isLeft);
        }
    }

    private void AddRules(List<HttpRoute> routes, SplitIndex.Candidate split, List<TrafficSplitRule> rules, RootPort root, SortedSet<PolicyKey> policies)
    {
        var ordered = new List<(HttpMatch Match, int Rule, HttpRoute Route)>();
        for (var i = 0; i < rules.Count; i++)
        {
            var rule = rules[i];
            var field = string.Create(CultureInfo.InvariantCulture, $"spec.rules[{i}]");
            var route = WithRetries(
                RuleRoutes.ToRoute(rule, i) with
                {
                    Backends = _backends.Resolve(split, rule.Backends, $"{field}.backends", root),
                    Mirror = _backends.Resolve(split, rule.Mirror, $"{field}.mirror", root),
                },
                root,
                split.Key.Name,
                rule.Name,
                policies);
            _backends.NoteSticky(split, route, $"{field}.sticky", root);
            foreach (var match in RuleRoutes.ToMatches(rule)) ordered.Add((match, i, route with { Match = match }));
        }

        // A stable sort: among equals the earlier rule and match wins.
        routes.AddRange(ordered.OrderBy(o => o.Match, RoutePrecedence.Instance).Select(o => o.Route));
        // Nothing can reach what stands behind a match of everything.
        var all = routes.FindIndex(r => r.Match == HttpMatch.All);
        if (all >= 0) routes.RemoveRange(all + 1, routes.Count - all - 1);
        for (var i = 0; i < routes.Count; i++)
            routes[i] = routes[i] with { Name = string.Create(CultureInfo.InvariantCulture, $"{routes[i].Name}-{i}") };
    }

    private HttpRoute WithRetries(HttpRoute route, RootPort root, string? split, string? rule, SortedSet<PolicyKey> policies)
    {
        var wanted = retries.Of(root.Name, root.Port.Name, split, rule).ToList();
        if (wanted is not [var retry, ..]) return route;
        // Opaque bytes have no requests in which one could hold or not.
        if (root.Protocol != PortProtocol.Tcp)
        {
            _overrides.Hold(retry.Key);
            foreach (var other in wanted.Skip(1)) _overrides.Lose(other.Key, retry.Key, isOlder: false);
        }

        policies.Add(retry.Key);
        Reach(_retriesOfCallers, route.Backends, retry);
        return route with { Retry = retry.Settings, RequestTimeout = route.RequestTimeout ?? retry.RequestTimeout };
    }

    /// <summary>Notes which policies arrive at backends with the requests of those who call them.</summary>
    private static void Reach<TPolicy>(Dictionary<BackendTarget, TPolicy> ofCallers, ValueList<WeightedBackend> backends, TPolicy policy)
        where TPolicy : IRanked
    {
        foreach (var backend in backends)
        {
            if (backend.Target is not { } target) continue;
            if (!ofCallers.TryGetValue(target, out var other) || policy.Rank < other.Rank) ofCallers[target] = policy;
        }
    }
}
