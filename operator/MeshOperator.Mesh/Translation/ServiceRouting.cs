using System.Globalization;
using MeshOperator.Api.V1Alpha1;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;

namespace MeshOperator.Mesh.Translation;

/// <summary>Makes the routes of a service's port from its split and retry policies.</summary>
internal sealed class ServiceRouting(ClusterSnapshot snapshot, SplitIndex splits, RetryIndex retries, BreakerIndex breakers, VerdictBuilder verdicts)
{
    private readonly Dictionary<BackendTarget, RetryIndex.Candidate> _retriesOfCallers = [];
    private readonly Dictionary<BackendTarget, BreakerIndex.Candidate> _breakersOfCallers = [];

    /// <summary>Whether no policy names a service, so that its own record says all of its routes.</summary>
    public bool IsPlain(ObjectName name, ServiceRecord service)
    {
        foreach (var port in service.Ports)
        {
            if (splits.Of(name, port.Port) is not null || retries.OfService(name, port.Name) is not null || breakers.OfService(name, port.Name) is not null) return false;
        }

        return true;
    }

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
        var split = splits.Of(name, port.Port);
        var policies = new SortedSet<PolicyKey>(PolicyKeyOrder.Instance);
        if (split is not null) policies.Add(split.Key);

        var tcp = toSelf;
        var routes = new List<HttpRoute>();
        if (split?.Spec.Backends is { } backends)
        {
            tcp = Resolve(split, backends, "spec.backends", name, port);
            routes.Add(WithRetries(new HttpRoute { Name = "split", Backends = tcp }, name, port, split.Key.Name, rule: null, policies));
        }
        else
        {
            if (split?.Spec.Rules is { } rules) AddRules(routes, split, rules, name, port, policies);
            // What no rule matches goes to the service itself.
            if (!routes.Exists(r => r.Match == HttpMatch.All))
                routes.Add(WithRetries(new HttpRoute { Name = "default", Backends = toSelf }, name, port, split?.Key.Name, rule: null, policies));
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

        var connection = (retry?.Connection ?? new ConnectionSettings()) with { Breaker = breaker?.Settings };
        // Envoy knows a number or a budget; what was named wins over a default.
        if (breaker?.Settings.MaxRetries is not null && retry is not { NamesBudget: true }) connection = connection with { Budget = null };
        return port with
        {
            Connection = connection,
            ClusterPolicies = new PolicyKey?[] { breaker?.Key, retry?.Key }.OfType<PolicyKey>().ToValueList(),
        };
    }

    private void AddRules(
        List<HttpRoute> routes, SplitIndex.Candidate split, List<TrafficSplitRule> rules, ObjectName name, ServicePortRecord port, SortedSet<PolicyKey> policies)
    {
        var ordered = new List<(HttpMatch Match, int Rule, HttpRoute Route)>();
        for (var i = 0; i < rules.Count; i++)
        {
            var rule = rules[i];
            var field = string.Create(CultureInfo.InvariantCulture, $"spec.rules[{i}]");
            var route = WithRetries(
                RuleRoutes.ToRoute(rule, i) with
                {
                    Backends = Resolve(split, rule.Backends, $"{field}.backends", name, port),
                    Mirror = ResolveMirror(split, rule.Mirror, $"{field}.mirror", name, port),
                },
                name,
                port,
                split.Key.Name,
                rule.Name,
                policies);
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

    private HttpRoute WithRetries(HttpRoute route, ObjectName service, ServicePortRecord port, string? split, string? rule, SortedSet<PolicyKey> policies)
    {
        if (retries.Of(service, port.Name, split, rule) is not { } retry) return route;
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

    private MirrorTarget? ResolveMirror(SplitIndex.Candidate split, RequestMirror? mirror, string field, ObjectName root, ServicePortRecord port)
    {
        if (mirror is null) return null;
        return Resolve(split, mirror.Service, mirror.Port, field, root, port) is { } target ? new MirrorTarget(target, mirror.Percent ?? 100) : null;
    }

    private ValueList<WeightedBackend> Resolve(
        SplitIndex.Candidate split, List<TrafficSplitBackend> backends, string field, ObjectName root, ServicePortRecord port)
    {
        var resolved = backends
            .Select((b, i) => new WeightedBackend(b.Weight ?? 1, Resolve(split, b.Service, b.Port, string.Create(CultureInfo.InvariantCulture, $"{field}[{i}]"), root, port)))
            .ToList();
        if (split.Spec.OnMissingBackend == OnMissingBackend.Redistribute && resolved.Exists(b => b is { Target: not null, Weight: > 0 }))
            resolved.RemoveAll(b => b.Target is null);
        return resolved.ToValueList();
    }

    private BackendTarget? Resolve(SplitIndex.Candidate split, string backend, int? backendPort, string field, ObjectName root, ServicePortRecord port)
    {
        var name = new ObjectName(root.Namespace, backend);
        if (!snapshot.Services.TryGetValue(name, out var service) || service.IsExternalName)
        {
            var what = service is null ? $"the service '{backend}' does not exist in namespace '{root.Namespace}'" : $"the service '{backend}' is an ExternalName, which cannot be a backend";
            verdicts.Unresolved(split.Key, "BackendNotFound", $"{field}: {what}");
            return null;
        }

        var found = backendPort is not null
            ? service.Ports.FirstOrDefault(p => p.Port == backendPort)
            : service.Ports.FirstOrDefault(p => p.Port == port.Port)
                ?? (port.Name.Length > 0 ? service.Ports.FirstOrDefault(p => p.Name == port.Name) : null)
                ?? (service.Ports.Count == 1 ? service.Ports[0] : null);
        if (found is not null) return new BackendTarget(new ServiceName(root.Namespace, backend), found.Port);
        verdicts.Unresolved(split.Key, "PortNotFound", $"{field}: the service '{backend}' has no TCP port {backendPort ?? port.Port} (it has {string.Join(", ", service.Ports.Select(p => p.Port))}); give the port");
        return null;
    }
}
