using System.Globalization;
using MeshOperator.Api.Policies;
using MeshOperator.Mesh.Model;
using MeshOperator.Mesh.Snapshot;
using Limit = MeshOperator.Mesh.Model.RequestLimit;

namespace MeshOperator.Mesh.Translation;

/// <summary>Finds the RateLimit of a port of a pod: on the service's port, on the service, with a selector; of several the oldest.</summary>
internal sealed class RateLimitIndex
{
    private readonly TargetIndex<Candidate> _targets;
    private readonly SelectorIndex<Candidate> _bySelector;
    private readonly VerdictBuilder _verdicts;
    private readonly HashSet<string> _crowded = [];

    public RateLimitIndex(ClusterSnapshot snapshot, VerdictBuilder verdicts)
    {
        _verdicts = verdicts;
        var namespaces = new HashSet<string>();
        _targets = new TargetIndex<Candidate>(snapshot, verdicts);
        _bySelector = new SelectorIndex<Candidate>(verdicts);
        foreach (var (key, rank, spec) in snapshot.Policies.GetActive(PolicyKinds.RateLimit))
        {
            if (!namespaces.Add(key.Namespace)) _crowded.Add(key.Namespace);
            var candidate = new Candidate(key, rank, ToLimits(key, spec));
            if (candidate.Limits.Count > Limit.KeptApart)
                verdicts.Note(key, $"A change of one of its limits from spec.limits[{Limit.KeptApart - 1}] on lets all of those begin anew.");
            if (spec.TargetRefs is { } targets)
            {
                _targets.Add(key, targets, candidate);
                _targets.NoteTcp(key, targets, "no requests to count");
            }
            else if (spec.Selector is { } selector)
            {
                _bySelector.Add(key, selector, candidate);
            }
        }

        _bySelector.NotePods(snapshot);
    }

    /// <summary>The policy of a port.</summary>
    /// <param name="ns">The pod's namespace.</param>
    /// <param name="pod">The pod.</param>
    /// <param name="services">The service ports behind which the port is.</param>
    public Candidate? Of(string ns, PodRecord pod, IReadOnlyCollection<(ObjectName Service, string PortName)> services) =>
        Levels(ns, pod, services).Select(Oldest).FirstOrDefault(candidate => candidate is not null);

    /// <summary>Lets policies say where others hold in their place. To be called when it is known what pods serve.</summary>
    public void NoteOverrides(ClusterSnapshot snapshot, ServedPorts served)
    {
        if (_crowded.Count == 0) return;
        var overrides = new Overrides();
        foreach (var (name, pod) in snapshot.Pods)
        {
            if (!pod.HasProxy || pod.IsDirectAltogether || !_crowded.Contains(name.Namespace)) continue;
            foreach (var (number, port) in served.Of(name))
            {
                if (port.Protocol == PortProtocol.Tcp) continue;
                Candidate? holder = null;
                foreach (var level in Levels(name.Namespace, pod, port.Services).Select(level => level.ToList()))
                {
                    var isOlder = holder is null;
                    holder ??= Oldest(level);
                    foreach (var loser in level) overrides.Lose(loser.Key, holder!.Key, isOlder, (name.Name, number));
                }

                if (holder is not null) overrides.Hold(holder.Key);
            }
        }

        foreach (var loser in overrides.Losers)
        {
            var everywhere = !overrides.Holds(loser);
            // One for all ports, and another one for some of them, is how it is meant.
            var advice = everywhere || overrides.LosesByAge(loser) ? "; delete one of them or choose other targets" : string.Empty;
            _verdicts.Overridden(loser, $"{overrides.Text(loser)}{advice}", everywhere);
        }
    }

    /// <summary>Lets policies say on which ports no requests are seen: undeclared ones where mutual TLS is disabled. To be called when it is known
    /// what pods serve.</summary>
    public void NoteUnseen(ClusterSnapshot snapshot, MtlsModes modes, ServedPorts served)
    {
        if (snapshot.Policies[PolicyKinds.RateLimit].IsEmpty || !modes.All.Any(policy => policy.CanDisable)) return;
        var unseen = new SortedDictionary<PolicyKey, SortedSet<int>>(PolicyKeyOrder.Instance);
        foreach (var (name, pod) in snapshot.Pods)
        {
            if (!pod.HasProxy || pod.IsDirectAltogether || modes.Of(name.Namespace, pod) is not { CanDisable: true } mode) continue;
            foreach (var (number, port) in served.Of(name))
            {
                if (port.Protocol is not PortProtocol.Detect || mode.ModeOf(number) is not MtlsMode.Disabled || Of(name.Namespace, pod, port.Services) is not { } limit) continue;
                if (!unseen.TryGetValue(limit.Key, out var ports)) unseen.Add(limit.Key, ports = []);
                ports.Add(number);
            }
        }

        foreach (var (key, ports) in unseen)
        {
            _verdicts.Unresolved(
                key,
                "UnsupportedProtocol",
                $"no requests are counted on port {string.Join(", ", ports)}: its protocol is not declared, and where mutual TLS is Disabled only bytes are seen then; declare HTTP with appProtocol");
        }
    }

    /// <summary>The policies that would hold for a port, the more specific first; of those that are equally so the oldest holds.</summary>
    private IEnumerable<IEnumerable<Candidate>> Levels(string ns, PodRecord pod, IReadOnlyCollection<(ObjectName Service, string PortName)> services)
    {
        yield return OfPorts(services);
        yield return OfServices(services);
        yield return Only(_bySelector.Find(ns, pod));
    }

    private IEnumerable<Candidate> OfPorts(IEnumerable<(ObjectName Service, string PortName)> services) =>
        services.Where(s => s.PortName.Length > 0).SelectMany(s => Only(_targets.Find(PolicyTargetKind.Service, s.Service, s.PortName)));

    private IEnumerable<Candidate> OfServices(IEnumerable<(ObjectName Service, string PortName)> services) =>
        services.SelectMany(s => Only(_targets.Find(PolicyTargetKind.Service, s.Service, null)));

    private static IEnumerable<Candidate> Only(Candidate? candidate) => candidate is null ? [] : [candidate];

    private static Candidate? Oldest(IEnumerable<Candidate> candidates) => candidates.MinBy(c => c.Rank);

    private static ValueList<Limit> ToLimits(PolicyKey key, RateLimitSpec spec) => spec.Limits.Select((limit, i) => new Limit(
        string.Create(CultureInfo.InvariantCulture, $"{key.Name}/{i}"),
        limit.Requests,
        limit.Unit switch
        {
            RateLimitUnit.Minute => TimeSpan.FromMinutes(1),
            RateLimitUnit.Hour => TimeSpan.FromHours(1),
            RateLimitUnit.Day => TimeSpan.FromDays(1),
            _ => TimeSpan.FromSeconds(1),
        },
        RateLimitDefaults.ResolveBurst(limit),
        limit.Match is { } match ? RuleRoutes.ToMatch(new HttpRequestMatch { Path = match.Path, Method = match.Method, Headers = match.Headers }) : HttpMatch.All)).ToValueList();

    internal sealed record Candidate(PolicyKey Key, int Rank, ValueList<Limit> Limits) : IRanked;
}
