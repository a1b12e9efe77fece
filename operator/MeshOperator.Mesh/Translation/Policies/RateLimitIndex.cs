using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using MeshOperator.Mesh.Translation.Requests;
using MeshOperator.Mesh.Translation.Verdicts;
using Limit = MeshOperator.Mesh.Model.RequestLimit;

namespace MeshOperator.Mesh.Translation.Policies;

/// <summary>Finds the RateLimit of a port of a pod: on the service's port, on the service, with a selector; of several the
/// oldest.</summary>
internal sealed class RateLimitIndex
{
    private readonly TargetIndex<Candidate> _targets;
    private readonly SelectorIndex<Candidate> _bySelector;

    private RateLimitIndex(TargetIndex<Candidate> targets, SelectorIndex<Candidate> bySelector, IReadOnlySet<string> namespaces) =>
        (_targets, _bySelector, NamespacesWithSeveral) = (targets, bySelector, namespaces);

    /// <summary>The namespaces with more than one policy, in which one may take precedence over another.</summary>
    public IReadOnlySet<string> NamespacesWithSeveral { get; }

    public static Found<RateLimitIndex> Create(ClusterSnapshot snapshot, PodSelections selections)
    {
        var targets = new TargetIndex<Candidate>();
        var bySelector = new SelectorIndex<Candidate>();
        var findings = new List<PolicyFinding>();
        var policies = snapshot.Policies.GetActive(PolicyKinds.RateLimit);
        foreach (var (key, rank, spec) in policies)
        {
            var candidate = new Candidate(key, rank, ToLimits(key, spec))
            {
                Group = FindGroup(key, spec),
                Queue = spec.Queue is { } queue ? new RequestQueue(queue.Running, queue.Waiting) : null,
            };
            if (candidate.Limits.Count > Limit.KeptApart)
                findings.Add(
                    new Noted(key, $"A change to any limit from spec.limits[{Limit.KeptApart - 1}] on resets the counts of all of those.")
                );
            if (spec.TargetRefs is { } references)
            {
                findings.AddRange(targets.Add(snapshot, key, references, candidate));
                findings.AddRange(TargetIndex<Candidate>.FindTcp(snapshot, key, references, "no requests to count"));
            }
            else if (spec.Selector is { } selector)
            {
                findings.AddRange(bySelector.Add(key, selector, candidate));
            }
        }

        findings.AddRange(bySelector.FindSelected(snapshot, selections));
        var several = policies
            .CountBy(policy => policy.Key.Namespace)
            .Where(count => count.Value > 1)
            .Select(count => count.Key)
            .ToHashSet(StringComparer.Ordinal);
        var index = new RateLimitIndex(targets, bySelector, several)
        {
            HasShared = policies.Any(policy => policy.Spec.Scope is RateLimitScope.Service),
        };
        return new Found<RateLimitIndex>(index, findings);
    }

    /// <summary>Whether a policy is for several pods together.</summary>
    public bool HasShared { get; private init; }

    /// <summary>The policy of a port, or null.</summary>
    /// <param name="ns">The pod's namespace.</param>
    /// <param name="pod">The pod.</param>
    /// <param name="services">The service ports behind which the port is.</param>
    public Candidate? Find(string ns, PodRecord pod, IReadOnlyCollection<(ObjectName Service, string PortName)> services) =>
        FindLevels(ns, pod, services).Select(GetOldest).FirstOrDefault(candidate => candidate is not null);

    /// <summary>The policies that would hold for a port, the more specific first; of those that are equally so the oldest holds.</summary>
    public IEnumerable<IEnumerable<Candidate>> FindLevels(
        string ns,
        PodRecord pod,
        IReadOnlyCollection<(ObjectName Service, string PortName)> services
    )
    {
        yield return FindOnPorts(services);
        yield return FindOnServices(services);
        yield return ToList(_bySelector.Find(ns, pod));
    }

    public static Candidate? GetOldest(IEnumerable<Candidate> candidates) => candidates.MinBy(c => c.Rank);

    private IEnumerable<Candidate> FindOnPorts(IEnumerable<(ObjectName Service, string PortName)> services) =>
        services.Where(s => s.PortName.Length > 0).SelectMany(s => ToList(_targets.Find(PolicyTargetKind.Service, s.Service, s.PortName)));

    private IEnumerable<Candidate> FindOnServices(IEnumerable<(ObjectName Service, string PortName)> services) =>
        services.SelectMany(s => ToList(_targets.Find(PolicyTargetKind.Service, s.Service, null)));

    private static IEnumerable<Candidate> ToList(Candidate? candidate) => candidate is null ? [] : [candidate];

    private static ValueList<Limit> ToLimits(PolicyKey key, RateLimitSpec spec) =>
        RateLimitDefaults
            .ResolveLimits(spec)
            .Select(
                (limit, i) =>
                    new Limit(
                        key,
                        i,
                        limit.Requests,
                        ToPeriod(limit.Unit),
                        RateLimitDefaults.ResolveBurst(limit),
                        limit.Match is { } match ? ToMatch(match) : HttpMatch.All
                    )
                    {
                        Client = limit.Per is { } client ? new LimitClient(ToLower(client.Header)) : null,
                        Cost = limit.Cost is { } cost ? new RequestCost(cost.Requests, ToLower(cost.Header)) : RequestCost.One,
                    }
            )
            .ToValueList();

    /// <summary>Which pods share a policy's limits, in words that two policies have in common when they are for the same pods; null for a
    /// policy of each proxy.</summary>
    private static string? FindGroup(PolicyKey key, RateLimitSpec spec) =>
        spec switch
        {
            { Scope: RateLimitScope.Proxy } => null,
            { TargetRefs: { } targets } => $"{key.Namespace}: services "
                + string.Join(',', targets.Select(target => target.Name).Distinct().Order(StringComparer.Ordinal)),
            { Selector: { } selector } => $"{key.Namespace}: labels "
                + string.Join(',', selector.MatchLabels.Order(LabelOrder).Select(label => $"{label.Key}={label.Value}")),
            _ => null,
        };

    private static HttpMatch ToMatch(RateLimitMatch match) =>
        RequestMatches.Read(
            new HttpRequestMatch
            {
                Path = match.Path,
                Method = match.Method,
                Headers = match.Headers,
            }
        );

    private static string? ToLower(string? header) => header?.ToLowerInvariant();

    private static TimeSpan ToPeriod(RateLimitUnit unit) =>
        unit switch
        {
            RateLimitUnit.Minute => TimeSpan.FromMinutes(1),
            RateLimitUnit.Hour => TimeSpan.FromHours(1),
            RateLimitUnit.Day => TimeSpan.FromDays(1),
            _ => TimeSpan.FromSeconds(1),
        };

    private static readonly Comparer<KeyValuePair<string, string>> LabelOrder = Comparer<KeyValuePair<string, string>>.Create(
        (a, b) => string.CompareOrdinal(a.Key, b.Key)
    );

    internal sealed record Candidate(PolicyKey Key, int Rank, ValueList<Limit> Limits) : IRanked
    {
        /// <summary>Which pods share the limits; null when each proxy counts alone.</summary>
        public string? Group { get; init; }

        /// <summary>What waits for the application; null when nothing does.</summary>
        public RequestQueue? Queue { get; init; }

        /// <summary>The limits of a proxy that shares them.</summary>
        public ValueList<Limit> SharedLimits { get; } = Limits.Select(limit => limit with { IsShared = true }).ToValueList();
    }
}
