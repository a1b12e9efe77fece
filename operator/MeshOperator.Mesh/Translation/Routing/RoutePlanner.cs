using System.Globalization;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Shifts;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation.Endpoints;
using MeshOperator.Mesh.Translation.Policies;
using MeshOperator.Mesh.Translation.Verdicts;

namespace MeshOperator.Mesh.Translation.Routing;

/// <summary>Plans the routes of all services from their splits and retry policies.</summary>
internal sealed class RoutePlanner
{
    private readonly ClusterSnapshot _snapshot;
    private readonly PolicyIndexes _policies;
    private readonly SplitBackends _backends;
    private readonly Overrides _retryOverrides = new();
    private readonly Dictionary<BackendTarget, RetryIndex.Candidate> _retriesOfCallers = [];
    private readonly Dictionary<BackendTarget, BreakerIndex.Candidate> _breakersOfCallers = [];
    private readonly Dictionary<BackendTarget, BalancingIndex.Candidate> _balancingOfCallers = [];
    private readonly Dictionary<BackendTarget, SortedDictionary<string, ShiftName>> _shiftsOfCallers = [];
    private readonly HashSet<BackendTarget> _mirrors = [];
    private readonly List<PolicyFinding> _findings = [];

    private RoutePlanner(ClusterSnapshot snapshot, PolicyIndexes policies) =>
        (_snapshot, _policies, _backends) = (snapshot, policies, new SplitBackends(snapshot));

    /// <summary>Plans the routes.</summary>
    /// <param name="snapshot">The cluster.</param>
    /// <param name="policies">Its policies.</param>
    /// <param name="backends">What stands behind services.</param>
    /// <param name="plain">The services of before that no policy named.</param>
    public static Found<RoutePlan> Plan(ClusterSnapshot snapshot, PolicyIndexes policies, BackendCache backends, PlainServices plain)
    {
        var planner = new RoutePlanner(snapshot, policies);
        var ports = new Dictionary<BackendTarget, MeshServicePort>();
        var kept = new Dictionary<ObjectName, MeshService>();
        foreach (var (name, service) in snapshot.Services)
        {
            var own = backends.Get(name);
            if (!policies.NamedServices.Contains(name) && plain.Find(name, own) is { } known)
            {
                kept.Add(name, known);
                foreach (var port in known.Ports)
                    ports.Add(new BackendTarget(port.Service, port.Port), port);
                continue;
            }

            foreach (var (port, protocol, usable, _) in own.Ports)
            {
                var model = planner.PlanPort(new RootPort(name, service, port, protocol)) with { Endpoints = usable };
                ports.Add(new BackendTarget(model.Service, port.Port), model);
            }
        }

        var callers = new CallerPolicies(
            planner._retriesOfCallers,
            planner._breakersOfCallers,
            planner._balancingOfCallers,
            planner._shiftsOfCallers,
            planner._mirrors
        );
        return new Found<RoutePlan>(new RoutePlan(ports, kept, callers, planner._retryOverrides), planner._findings);
    }

    /// <summary>The port with everything but its endpoints and how connections to it are kept.</summary>
    private MeshServicePort PlanPort(RootPort root)
    {
        var (name, service, port, protocol) = root;
        var self = new BackendTarget(new ServiceName(name.Namespace, name.Name), port.Port);
        ValueList<WeightedBackend> toSelf = [new WeightedBackend(1, self)];
        var split = _policies.Splits.Find(name, port.Port) is { } named && _backends.Holds(named, name, service, port) ? named : null;
        var policies = new SortedSet<PolicyKey>(PolicyKeyOrder.Instance);
        if (split is not null)
            policies.Add(split.Key);

        var tcp = toSelf;
        var routes = new List<HttpRoute>();
        if (split?.Spec.Backends is { } backends)
        {
            var shift = FindShift(split, ShiftProgress.OfBackends);
            tcp = Keep(_backends.Resolve(split, backends, Weigh(shift, backends), "spec.backends", root));
            var route = Apply(shift, new HttpRoute { Name = "split", Backends = tcp });
            routes.Add(AddRetries(route, root, split.Key.Name, rule: null, policies));
        }
        else
        {
            if (split?.Spec.Rules is { } rules)
                routes.AddRange(PlanRules(split, rules, root, policies));
            // What no rule matches goes to the service itself.
            if (!routes.Exists(r => r.Match == HttpMatch.All))
                routes.Add(AddRetries(new HttpRoute { Name = "default", Backends = toSelf }, root, split?.Key.Name, rule: null, policies));
        }

        if (split is not null)
        {
            foreach (var route in routes)
            {
                AddToBackends(route.Backends, name, port.Name);
                if (root.Protocol != PortProtocol.Tcp)
                    AddToBackends(route);
            }
        }

        return new MeshServicePort
        {
            Service = self.Service,
            Port = port.Port,
            Protocol = protocol,
            Addresses = service.ClusterIps,
            ExternalAddresses = service.ExternalAddresses,
            IsHeadless = service.IsHeadless,
            NodeAddress =
                _snapshot.HasNodes && service is { StaysOnNode: false, IsHeadless: false, ClusterIps: [var address, ..] } ? address : null,
            StaysOnNode = service is { StaysOnNode: true, IsHeadless: false },
            Routes = routes.ToValueList(),
            TcpBackends = tcp,
            RoutePolicies = policies.ToValueList(),
        };
    }

    private List<HttpRoute> PlanRules(
        ActivePolicy<TrafficSplitSpec> split,
        List<TrafficSplitRule> rules,
        RootPort root,
        SortedSet<PolicyKey> policies
    )
    {
        var matched = new List<HttpRoute>();
        for (var i = 0; i < rules.Count; i++)
        {
            var rule = rules[i];
            var field = string.Create(CultureInfo.InvariantCulture, $"spec.rules[{i}]");
            var shift = FindShift(split, TrafficSplitDefaults.ResolveName(rule, i));
            var route = RuleRoutes.ToRoute(rule, i) with
            {
                Backends = Keep(_backends.Resolve(split, rule.Backends, Weigh(shift, rule.Backends), $"{field}.backends", root)),
                Mirror = Keep(_backends.Resolve(split, rule.Mirror, $"{field}.mirror", root)),
            };
            route = Apply(shift, route);
            route = AddRetries(route, root, split.Key.Name, rule.Name, policies);
            _findings.AddRange(_backends.FindUnsticky(split, route, $"{field}.sticky", root));
            matched.AddRange(RuleRoutes.ToMatches(rule).Select(match => route with { Match = match }));
        }

        // A stable sort: among equals the earlier rule and match wins.
        List<HttpRoute> routes = [.. matched.OrderBy(route => route.Match, RoutePrecedence.Instance)];
        // Nothing can reach what stands behind a match of everything.
        var all = routes.FindIndex(route => route.Match == HttpMatch.All);
        if (all >= 0)
            routes.RemoveRange(all + 1, routes.Count - all - 1);
        return [.. routes.Select((route, i) => route with { Name = string.Create(CultureInfo.InvariantCulture, $"{route.Name}-{i}") })];
    }

    /// <summary>The gradual shift of a rule, or of the whole split, and how far it is; null when there is none.</summary>
    private (ShiftName Name, SplitShift Shift, ShiftProgress? Progress)? FindShift(ActivePolicy<TrafficSplitSpec> split, string rule)
    {
        if (SplitShift.FindAll(split.Spec).FirstOrDefault(shift => shift.Rule == rule) is not { } shift)
            return null;
        var known = _snapshot.Shifts.GetValueOrDefault(new ObjectName(split.Key.Namespace, split.Key.Name), []);
        return (new ShiftName(split.Key.Name, rule), shift, shift.FindProgress(known));
    }

    /// <summary>The shares of backends as they are now.</summary>
    private static IReadOnlyList<int> Weigh(
        (ShiftName Name, SplitShift Shift, ShiftProgress? Progress)? found,
        List<TrafficSplitBackend> backends
    ) => found is var (_, shift, progress) ? shift.Weigh(progress?.Weight ?? 0) : [.. backends.Select(TrafficSplitDefaults.ResolveWeight)];

    /// <summary>The route with what a gradual shift does to it.</summary>
    private static HttpRoute Apply((ShiftName Name, SplitShift Shift, ShiftProgress? Progress)? found, HttpRoute route)
    {
        if (found is not var (name, shift, progress))
            return route;
        route = route with { Shift = name, MeasuresFirstByte = shift.NeedsFirstByte };
        if (route.Sticky is not null)
            route = route with { Backends = TargetFirst(route.Backends, shift.Wanted.To) };
        var target = route.Backends.Select(backend => backend.Target).FirstOrDefault(target => target?.Service.Name == shift.Wanted.To);
        return progress is { IsMirroring: true } && shift.Wanted.MirrorFirst is { } mirror && target is not null
            ? route with
            {
                Mirror = new MirrorTarget(target, mirror.Percent) { Shift = name.Copies },
            }
            : route;
    }

    private HttpRoute AddRetries(HttpRoute route, RootPort root, string? split, string? rule, SortedSet<PolicyKey> policies)
    {
        var wanted = _policies.Retries.FindForRoute(root.Name, root.Port.Name, split, rule).ToList();
        if (wanted is not [var retry, ..])
            return route;
        // Opaque bytes have no requests in which one could hold or not.
        if (root.Protocol != PortProtocol.Tcp)
        {
            _retryOverrides.AddHolder(retry.Key);
            foreach (var other in wanted.Skip(1))
                _retryOverrides.AddLoser(other.Key, retry.Key, isOlder: false);
        }

        policies.Add(retry.Key);
        AddToBackends(_retriesOfCallers, route.Backends, retry);
        return route with
        {
            Retry = retry.Settings,
            RequestTimeout = route.RequestTimeout ?? retry.RequestTimeout,
            FirstByteTimeout = route.FirstByteTimeout ?? retry.FirstByteTimeout,
        };
    }

    /// <summary>What a policy of the service says of its endpoints is also said of its split's backends.</summary>
    private void AddToBackends(ValueList<WeightedBackend> backends, ObjectName service, string portName)
    {
        if (_policies.Breakers.FindForPort(service, portName) is { } breaker)
            AddToBackends(_breakersOfCallers, backends, breaker);
        if (_policies.Balancing.FindForPort(service, portName) is { } balancing)
            AddToBackends(_balancingOfCallers, backends, balancing);
    }

    /// <summary>Clients are kept by their place in the list of shares, so that of a share which only grows must come first.</summary>
    private static ValueList<WeightedBackend> TargetFirst(ValueList<WeightedBackend> backends, string to) =>
        backends.OrderBy(backend => backend.Target?.Service.Name == to ? 0 : 1).ToValueList();

    /// <summary>The requests of a gradual shift are counted where they arrive, and copies have connections of their own.</summary>
    private void AddToBackends(HttpRoute route)
    {
        if (route.Mirror is { Shift: null } other)
            _mirrors.Add(other.Target);
        if (route.Shift is not { } shift)
            return;
        foreach (var target in route.Backends.Select(backend => backend.Target).OfType<BackendTarget>())
            Add(target, shift);
        if (route.Mirror is { Shift: { } copies } mirror)
            Add(mirror.Target, copies);

        void Add(BackendTarget target, ShiftName name)
        {
            if (!_shiftsOfCallers.TryGetValue(target, out var shifts))
                _shiftsOfCallers.Add(target, shifts = new SortedDictionary<string, ShiftName>(StringComparer.Ordinal));
            shifts[name.ToString()] = name;
        }
    }

    private T Keep<T>(Found<T> found)
    {
        _findings.AddRange(found.Findings);
        return found.Result;
    }

    private static void AddToBackends<TPolicy>(
        Dictionary<BackendTarget, TPolicy> ofCallers,
        ValueList<WeightedBackend> backends,
        TPolicy policy
    )
        where TPolicy : IRanked
    {
        foreach (var backend in backends)
        {
            if (backend.Target is not { } target)
                continue;
            if (!ofCallers.TryGetValue(target, out var other) || policy.Rank < other.Rank)
                ofCallers[target] = policy;
        }
    }
}
